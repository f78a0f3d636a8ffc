"""A caller's place in a call: which call it gets, what it hears of it, how it leaves, and what it may send at once."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from models.errors import NotFound
from models.store import Store
from pipeline.call.attendance import Attendance, admit, open_unattended
from pipeline.call.commands import HangUp, Say, obey
from pipeline.call.registry import CallLimits, Calls
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import Problem, ReplyBegan, SessionEvent, UserMessage
from pipeline.errors import Busy, NotOwner, SessionConflict
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import Scene, engines, opened, steadily
from voice.audio.formats import AudioFormat

WIRE, SETTINGS = AudioFormat(), SessionSettings()
MISSED = Problem("missed", "This did not reach the caller.")


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


def chat_of(scene: Scene) -> str:
    return scene.call.session.conversation.chat_id


def test_what_happened_while_nobody_attended_is_handed_over_once() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            scene.calls.leave(scene.call, [MISSED])
            await obey(scene.call, Say("Hello"))
            heard: list[SessionEvent] = []
            attendance = Attendance(scene.calls, scene.call)
            missed = attendance.enter(heard.append)
            assert missed[0] == MISSED
            assert [type(event) for event in missed[1:]] == [UserMessage]
            await scene.until(ReplyBegan)
            assert ReplyBegan in [type(event) for event in heard]
            assert scene.call.attended
            told = len(heard)
            attendance.leave()
            attendance.leave([MISSED])  # twice is harmless, and keeps nothing
            assert not scene.call.attended
            await obey(scene.call, Say("Are you there?"))
            assert len(heard) == told, "it is told no more"
            assert MISSED not in scene.call.take_backlog()

    played_out(story)


def test_a_message_that_comes_again_is_taken_once_and_acknowledged_again() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            for _ in range(3):
                await obey(scene.call, Say("Hello", "my-own-id"))
            assert [event.message_id for event in scene.of(UserMessage)] == ["my-own-id"] * 3
            await obey(scene.call, Say("Hello"))
            messages = await store.messages(chat_of(scene))
            assert [message.text for message in messages if message.role == "user"] == ["Hello", "Hello"]

    played_out(story)


def test_whom_a_hub_tells_takes_nothing_of_what_waits_for_the_one_who_resumes() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            scene.calls.leave(scene.call, [MISSED])
            attendance = Attendance(scene.calls, scene.call)
            assert attendance.enter(lambda _: None, by_hub=True) == []
            attendance.leave()
            assert scene.call.take_backlog()[0] == MISSED

    played_out(story)


def test_the_call_that_a_caller_gets() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            user, chat, token = scene.call.user_id, chat_of(scene), scene.call.session.resume_token
            with pytest.raises(SessionConflict):
                await admit(scene.calls, user, chat, WIRE, SETTINGS)
            with pytest.raises(NotOwner):
                await admit(scene.calls, "bob", chat, WIRE, SETTINGS)
            with pytest.raises(NotFound):
                await admit(scene.calls, user, chat, WIRE, SETTINGS, resume="another")
            scene.calls.leave(scene.call)
            assert await admit(scene.calls, user, chat, WIRE, SETTINGS) == (scene.call, True)
            assert await admit(scene.calls, user, chat, WIRE, SETTINGS, resume=token) == (scene.call, True)
            await obey(scene.call, HangUp())
            await scene.call.session.finished()
            fresh, was_open = await admit(scene.calls, user, chat, WIRE, SETTINGS)
            assert not was_open
            assert fresh is not scene.call

    played_out(story)


def test_who_resumes_waits_until_the_other_connection_has_left() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            first = Attendance(scene.calls, scene.call)
            first.enter(lambda _: None)
            left = []

            async def holding() -> None:
                await first.superseded()
                await asyncio.sleep(1)
                left.append(True)
                first.leave()

            holder = asyncio.create_task(holding())
            token = scene.call.session.resume_token
            call, _ = await admit(scene.calls, scene.call.user_id, chat_of(scene), WIRE, SETTINGS, resume=token)
            assert (call, left) == (scene.call, [True])
            await holder

    played_out(story)


def test_a_call_that_nobody_attends_yet_keeps_what_happens() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            attempt = await store.start_attempt(scene.call.user_id, practice_id="practice")
            call = await open_unattended(scene.calls, scene.call.user_id, attempt.chats[0].id, WIRE, SETTINGS)
            assert not call.attended
            await obey(call, Say("Hello"))
            assert UserMessage in [type(event) for event in call.take_backlog()]

    played_out(story)


def test_no_more_calls_than_there_are_lines() -> None:
    async def story(store: Store) -> None:
        async with Calls(engines(), store, LoopClock(), CallLimits(max_calls=0), lambda: "id") as none:
            with pytest.raises(Busy):
                none.check_vacancy("user")
        with pytest.raises(Busy, match="closing"):
            none.check_vacancy("user")

    played_out(story)


def test_audio_that_waits_is_bounded_where_the_caller_says_so() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            call, second = scene.call, np.zeros(16_000, "<i2").tobytes()
            outcomes = await asyncio.gather(
                *(call.hear(second, waiting_limit=3 * len(second)) for _ in range(5)), return_exceptions=True
            )
            assert [type(outcome) for outcome in outcomes] == [type(None)] * 3 + [Busy] * 2
            assert "96000 bytes of audio wait" in str(outcomes[-1])
            assert call.waiting_bytes == 0
            await call.hear(second, waiting_limit=len(second))
            assert call.session.position_ms == 4_000

    played_out(story)


def test_silence_in_place_of_audio_fills_up_what_was_begun() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.hear(bytes(640 + 100))
            seen = scene.call.session.active_at
            await asyncio.sleep(5)
            await scene.call.hear_silence(100)
            assert scene.call.session.position_ms == 140, "the frame that was begun, and five of silence"
            assert scene.call.session.active_at == seen

    played_out(story)
