"""What is typed into a call is answered aloud, and whoever sent it learns what was said, or that nothing was."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

from models.store import Store
from pipeline.call.spoken_answer import Answer
from pipeline.chats.chats import Chats
from pipeline.conversation.events import ReplyBegan, ReplyEnded
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.virtual_time import run_virtually
from tests.pipeline.scene import USER, Scene, engines, opened, steadily
from voice.work.workers import InlineWorkers

LONG = "One moment, please. I will look it up in the big book, which takes a while, as it is very big and very old."


class Writes:
    """Says the same in answer to everything, after some thought."""

    name = "writes"

    def __init__(self, lines: str = LONG, thinks_s: float = 0.0) -> None:
        self.lines = lines
        self.thinks_s = thinks_s

    async def reply(self, _context: ReplyContext) -> AsyncIterator[str]:
        """The lines."""
        await asyncio.sleep(self.thinks_s)
        yield self.lines


Send = Callable[[str], Awaitable["asyncio.Future[Answer | None]"]]
Story = Callable[[Scene, Send], Awaitable[None]]


def played_out(responder: Writes, story: Story, **chosen: object) -> None:
    """Play a story with a call and a way to send messages into it."""

    async def played(store: Store) -> None:
        using = engines(responder=responder, **chosen)
        async with opened(store, using) as scene:
            numbers = count(1)
            async with Chats(responder, store, scene.calls, lambda: f"run-{next(numbers)}") as chats:
                user = await store.user_by_name(USER)
                assert user is not None

                async def send(text: str) -> "asyncio.Future[Answer | None]":
                    sent = await chats.message(user.id, scene.call.session.conversation.chat_id, text)
                    assert isinstance(sent.reply, asyncio.Future)
                    return sent.reply  # type: ignore[return-value]  # a call is open: it answers

                await story(scene, send)

    steadily(played, run_virtually)


def test_the_answer_is_what_was_said() -> None:
    async def story(scene: Scene, send: Send) -> None:
        answer = await (await send("Hello."))
        (ended,) = scene.of(ReplyEnded)
        assert answer == Answer(ended.message_id, LONG)
        stored = await scene.store.messages(scene.call.session.conversation.chat_id)
        assert [(item.id, item.text) for item in stored][1] == (ended.message_id, LONG)

    played_out(Writes(), story)


def test_the_answer_that_was_interrupted_is_what_was_heard() -> None:
    async def story(scene: Scene, send: Send) -> None:
        first = await send("Hello.")
        began = await scene.until(ReplyBegan)
        await asyncio.sleep(1.5)
        second = await send("Never mind.")
        heard = await first
        assert heard is not None
        assert heard.id == began.message_id
        assert LONG.startswith(heard.text)
        assert 0 < len(heard.text) < len(LONG)
        assert await second == Answer((await scene.until(ReplyEnded, turn=2)).message_id, LONG)

    played_out(Writes(), story)


def test_two_messages_before_the_persona_speaks_have_one_answer() -> None:
    async def story(scene: Scene, send: Send) -> None:
        first, second = await send("Hello."), await send("Are you there?")
        assert await first == await second
        assert len(scene.of(ReplyEnded)) == 1

    played_out(Writes(thinks_s=2.0), story)


def test_there_is_no_answer_once_it_is_stopped_before_its_first_word() -> None:
    async def story(scene: Scene, send: Send) -> None:
        answer = await send("Hello.")
        await asyncio.sleep(1.0)
        scene.call.session.stop()
        assert await answer is None
        assert not scene.of(ReplyBegan)
        assert await (await send("Hello again.")) is not None, "the call goes on"

    played_out(Writes(thinks_s=2.0), story)


def test_there_is_no_answer_once_the_call_is_over() -> None:
    async def story(scene: Scene, send: Send) -> None:
        answer = await send("Hello.")
        scene.call.session.hang_up()
        assert await answer is None

    played_out(Writes(thinks_s=5.0), story)


def test_an_answer_in_writing_alone_is_one() -> None:
    async def story(_: Scene, send: Send) -> None:
        answer = await (await send("Hello."))
        assert answer is not None
        assert answer.text == LONG

    played_out(Writes(), story, tts_workers=InlineWorkers(delay=lambda _: 3_600.0))
