"""A reply that its model does not finish, and one that does not end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from models.store import Store
from pipeline.conversation.events import Problem, ReplyAudio, ReplyEnded, ReplyText
from pipeline.conversation.reply import ReplyContext, ReplyPart, Retraction, Truncation
from pipeline.errors import ResponderFailed
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking import preparation
from pipeline.speaking.replies import APOLOGY
from tests.pipeline.scene import engines, opened, steadily


@dataclass
class BreaksOff:
    """A responder that writes a beginning and then fails."""

    beginning: str
    name: str = "breaks off"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        if self.beginning:
            yield self.beginning
        raise ResponderFailed("It broke off.")


@pytest.mark.parametrize(
    ("beginning", "whole"),
    [
        ("", APOLOGY),
        ("Let me see.", f"Let me see. {APOLOGY}"),
        ("Let me see. ", f"Let me see. {APOLOGY}"),
        ("Let me see.\n", f"Let me see.\n{APOLOGY}"),
    ],
)
def test_the_apology_follows_what_was_written(beginning: str, whole: str) -> None:
    async def story(store: Store) -> None:
        async with opened(store, engines(responder=BreaksOff(beginning))) as scene:
            scene.call.session.type_text("Hello?")
            assert (await scene.until(ReplyEnded)).text == whole

    steadily(story, run_virtually)


@dataclass
class Endless:
    """A responder that writes this again and again."""

    delta: str
    name: str = "endless"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        for _ in range(10_000):
            yield self.delta
            yield ""


@pytest.mark.parametrize("delta", ["One more. ", "One more sentence. " * 20])
def test_a_reply_above_the_limit_is_said_up_to_it(delta: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "REPLY_LIMIT", 60)

    async def story(store: Store) -> None:
        async with opened(store, engines(responder=Endless(delta))) as scene:
            scene.call.session.type_text("Hello?")
            ended = await scene.until(ReplyEnded)
            assert ended.text == (delta * 10)[:60]
            assert [problem.code for problem in scene.of(Problem)] == ["reply_too_long"]

    steadily(story, run_virtually)


@dataclass
class ThinksAloud:
    """A responder whose beginning turns out to be a thought, once `said` is what the listener could have heard."""

    thought: str
    wait: Callable[[], Awaitable[None]]
    truncated: bool = False
    name: str = "thinks aloud"

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        yield self.thought
        await self.wait()
        yield Retraction()
        yield "Hello there, caller."
        if self.truncated:
            yield Truncation()


async def at_once() -> None:
    """Wait for nothing."""


@pytest.mark.parametrize("times", [3, 60])
def test_a_retracted_thought_is_neither_said_nor_stored(times: int) -> None:
    thought = "They greet me, so I greet them. And politely. It is a call. " * times

    async def story(store: Store) -> None:
        async with opened(store, engines(responder=ThinksAloud(thought, at_once))) as scene:
            scene.call.session.type_text("Hello?")
            ended = await scene.until(ReplyEnded)
            assert (ended.text, ended.heard, ended.truncated) == ("Hello there, caller.",) * 2 + (False,)
            assert "".join(text.delta for text in scene.of(ReplyText)) == ended.text
            assert "".join(audio.text for audio in scene.of(ReplyAudio)) == ended.text
            assert (await store.messages(scene.call.session.conversation.chat_id))[-1].text == ended.text

    steadily(story, run_virtually)


def test_what_was_said_of_a_thought_stays_and_nothing_more() -> None:
    async def story(store: Store) -> None:
        begun = asyncio.Event()
        responder = ThinksAloud("They greet me politely. They wait for me to greet them. So I greet them.", begun.wait)
        async with opened(store, engines(responder=responder)) as scene:
            scene.call.session.type_text("Hello?")
            await scene.until(ReplyAudio)
            begun.set()
            ended = await scene.until(ReplyEnded)
            assert ended.text == "They greet me politely. Hello there, caller."
            assert "".join(audio.text for audio in scene.of(ReplyAudio)) == ended.text

    steadily(story, run_virtually)


def test_a_truncated_reply_says_so() -> None:
    async def story(store: Store) -> None:
        async with opened(store, engines(responder=ThinksAloud("", at_once, truncated=True))) as scene:
            scene.call.session.type_text("Hello?")
            assert (await scene.until(ReplyEnded)).truncated

    steadily(story, run_virtually)
