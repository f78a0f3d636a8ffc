"""Which chats may be called, and audio that comes by request."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from models.errors import Conflict, Invalid, NotFound, TooLarge
from models.records.core import Grant, User
from models.store import Store
from pipeline.call.attendance import Attendance
from pipeline.call.call import Call
from pipeline.call.registry import CallLimits, Calls
from pipeline.call.session import SessionSettings
from pipeline.chats.hub import Hub
from pipeline.conversation.reply import ReplyContext
from pipeline.errors import Busy, SessionConflict
from pipeline.practice.attempts import Attempts
from pipeline.practice.configuring import Configurations
from pipeline.practice.drafts import DraftChanges
from pipeline.practice.own_chats import TIME_IS_UP, OwnChats
from pipeline.practice.spoken import FRAME_LIMIT, Asking, EndedCall, SpokenChats
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline import scene
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import LIMIT_S, Place, opened
from tests.pipeline.scene import engines
from tests.voice.sound import recording
from voice.audio.formats import AudioFormat

WIRE = AudioFormat()

WELL = "Well, let me see what I can do for you."


class Says:
    """Says the same in answer to everything."""

    name = "says"

    async def reply(self, _context: ReplyContext) -> AsyncIterator[str]:
        """The line."""
        yield WELL


def asking(user: User) -> Asking:
    """A user who asks by request."""
    return Asking(user.id, Grant(user), SessionSettings)


async def called(place: Place, chat_id: str) -> Call:
    """Admit ada to a call on the chat."""
    call, was_open = await place.practice.spoken.admit(place.ada.id, chat_id, WIRE, SessionSettings())
    assert not was_open
    return call


def test_a_chats_time_runs_from_its_first_call_on_and_ends_it_for_callers(run: Run, place: Place) -> None:
    async def story() -> None:
        second = (await place.start()).chats[1]
        call = await called(place, second.id)
        assert (await place.practice.own.find(place.ada.id, second.id)).started_at is not None
        call.session.hang_up()
        await call.session.finished()
        await asyncio.sleep(0)
        place.forward(LIMIT_S)
        with pytest.raises(SessionConflict, match=TIME_IS_UP):
            await called(place, second.id)
        assert (await place.practice.own.find(place.ada.id, second.id)).completion_message == TIME_IS_UP
        with pytest.raises(Conflict):
            await place.practice.spoken.open(asking(place.ada), second.id, WIRE)

    run(story())


def test_a_call_that_is_open_goes_on_when_the_time_is_up(run: Run, place: Place) -> None:
    async def story() -> None:
        first = (await place.start()).chats[0]
        call = await called(place, first.id)
        attendance = Attendance(place.calls, call)
        attendance.enter(lambda _: None)
        attendance.leave()
        place.forward(LIMIT_S)
        again, was_open = await place.practice.spoken.admit(
            place.ada.id, first.id, WIRE, SessionSettings(), resume=call.session.resume_token
        )
        assert (again, was_open) == (call, True)

    run(story())


def test_an_attempt_that_is_called_is_published_and_none_is_left_without_a_vacancy(
    run: Run, tmp_path: Path, installed: Path
) -> None:
    async def story() -> None:
        async with opened(tmp_path, installed, max_calls=3) as place:
            chat_id = await place.practice.spoken.begin_attempt(place.ada.id, practice_id="p1")
            assert await place.names() == ["attempt_started"]
            calls = [await called(place, chat_id)]
            while True:
                try:
                    place.calls.check_vacancy(place.ada.id)
                except Busy:
                    break
                calls.append(await called(place, (await place.start()).chats[0].id))
            await place.told()
            with pytest.raises(Busy):
                await place.practice.spoken.begin_attempt(place.ada.id, practice_id="p1")
            assert await place.names() == []

    run(story())


def test_who_asks_for_a_call_that_is_not_theirs_learns_nothing(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        await called(place, chat.id)
        for chat_id in (chat.id, "nowhere"):
            with pytest.raises(Invalid, match=f"Attempt chat {chat_id} not found"):
                await place.practice.spoken.open(asking(place.bob), chat_id, WIRE)

    run(story())


def test_a_call_opens_on_a_draft_and_an_open_one_takes_it_on(run: Run, place: Place) -> None:
    async def story() -> None:
        spoken, ada = place.practice.spoken, asking(place.ada)
        first, second, third = [(await place.start()).chats[0] for _ in range(3)]
        drafts = place.practice.drafts
        lee, mo = [
            (await drafts.save(place.ada.id, DraftChanges(ids={"persona_ids": [persona]}))).draft.id
            for persona in ("lee", "mo")
        ]
        call = await spoken.open(ada, first.id, WIRE, draft_id=lee)
        assert call.session.conversation.persona.id == "lee"
        assert await spoken.open(ada, first.id, WIRE, draft_id=mo) is call
        assert call.session.conversation.persona.id == "mo"
        attended, _ = await spoken.admit(place.ada.id, second.id, WIRE, SessionSettings(), draft_id=lee)
        assert attended.session.conversation.persona.id == "lee"
        of_first = await drafts.save(place.ada.id, DraftChanges(texts={"name": "Only here"}), chat_id=first.id)
        with pytest.raises(Invalid, match="changes no other"):
            await spoken.open(ada, second.id, WIRE, draft_id=of_first.draft.id)
        with pytest.raises(NotFound, match="Draft"):
            await spoken.open(ada, second.id, WIRE, draft_id="nowhere")
        await place.practice.ending.complete_chat(place.ada.id, third.id)
        with pytest.raises(SessionConflict):
            await spoken.admit(place.ada.id, third.id, WIRE, SessionSettings(), draft_id=mo)

    run(story())


def test_audio_by_request_is_bounded_and_wants_a_call(run: Run, place: Place) -> None:
    async def story() -> None:
        spoken, chat = place.practice.spoken, (await place.start()).chats[0]
        with pytest.raises(NotFound):
            await spoken.hear(asking(place.ada), b"\0\0", chat_id=chat.id)
        with pytest.raises(NotFound):
            await spoken.mute(asking(place.ada), chat.id, True)
        assert not (await spoken.end(asking(place.ada), chat.id)).stopped
        call = await spoken.open(asking(place.ada), chat.id, WIRE)
        assert await spoken.open(asking(place.ada), chat.id, WIRE) is call
        await spoken.hear(asking(place.ada), bytes(640), chat_id=chat.id)
        with pytest.raises(TooLarge):
            await spoken.hear(asking(place.ada), bytes(FRAME_LIMIT + 1), chat_id=chat.id)
        assert (await spoken.end(asking(place.ada), chat.id)).stopped
        assert call.session.ended

    run(story())


@pytest.mark.parametrize(("answered", "answers"), [(True, [WELL]), (False, [])])
def test_the_end_of_a_call_may_wait_for_the_answer(answered: bool, answers: list[str]) -> None:
    async def story(store: Store) -> None:
        async with scene.opened(store, scene.engines(responder=Says())) as there:
            own, hub = OwnChats(store), Hub(store.now, lambda: "id")
            configurations = Configurations(store, there.calls)
            attempts = Attempts(store, hub, own, configurations, lambda: "id")
            spoken = SpokenChats(there.calls, own, attempts, configurations, hub)
            chat_id = there.call.session.conversation.chat_id
            asker = asking(User(there.call.user_id, "ada"))
            await there.call.hear(recording("slt/records-office/05").astype("<i2").tobytes())
            ended = await spoken.end(asker, chat_id, answered=answered)
            assert ended.stopped
            assert ended.said is not None
            assert (ended.said.text, [ended.answer.text] if ended.answer else []) == (scene.Repeater().words, answers)
            assert ended.sound is None, "a line has heard it"
            stored = await store.messages(chat_id)
            assert [item.text for item in stored] == [scene.Repeater().words, *answers]
            assert await spoken.end(asker, chat_id) == EndedCall(stopped=False)

    scene.steadily(story, run_virtually)


def test_a_call_by_request_goes_on_after_a_restart_whoever_asks_first(run: Run, place: Place) -> None:
    """Ten requests come at once; a line with the call's old token finds the same call, too, and bob finds nothing."""

    async def story() -> None:
        chat, ada = (await place.start()).chats[0], asking(place.ada)
        before = (await place.practice.spoken.open(ada, chat.id, WIRE)).session
        await before.say("Hello")
        await place.calls.drain(0.0)
        parts, ids = engines(), count()
        async with Calls(parts, place.store, LoopClock(), CallLimits(), lambda: f"again-{next(ids)}") as calls:
            practice = place.practice
            spoken = SpokenChats(calls, practice.own, practice.attempts, Configurations(place.store, calls), place.hub)
            assert await spoken.find(asking(place.bob), chat_id=chat.id) is None
            with pytest.raises(NotFound):
                await spoken.hear(ada, bytes(640), conversation_id="another")
            hearing = (spoken.hear(ada, bytes(640), conversation_id=before.conversation_id) for _ in range(10))
            await asyncio.gather(*hearing)
            call = await spoken.open(ada, chat.id, WIRE)
            assert call.grant == ada.grant
            assert call.session.conversation_id == before.conversation_id
            assert call.session.state.number == before.state.number == 1
            assert call.session.resume_token != before.resume_token, "which is stored as its hash only"
            for token in (before.resume_token, call.session.resume_token):
                assert calls.resume(place.ada.id, chat.id, token) is call
            with pytest.raises(NotFound):
                calls.resume(place.ada.id, chat.id, "another")
            assert (await spoken.end(ada, chat.id)).stopped
            await asyncio.sleep(0)
        async with Calls(parts, place.store, LoopClock(), CallLimits(), lambda: f"third-{next(ids)}") as calls:
            assert await calls.left(place.ada.id, chat_id=chat.id) is None, "it was ended, and not by a restart"

    run(story())
