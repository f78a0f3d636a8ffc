"""A call whose process stops goes on in the next: the same names and settings, and its turns' numbers go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from models.errors import NotFound
from models.store import Store
from pipeline.call.attendance import Attendance, admit
from pipeline.call.keeping import hash_of, settings_of
from pipeline.call.registry import CallLimits, Calls
from pipeline.call.session import SessionSettings
from pipeline.call.settings import CallRecording, TimeLimit
from pipeline.conversation.events import (
    CallEnded,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    Restarting,
    UserMessage,
)
from pipeline.errors import Busy
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.turn.machine import Rules
from tests.pipeline.scene import GREETING, Scene, engines, opened, steadily
from voice.audio.formats import AudioFormat

MULAW = AudioFormat("mulaw", 8_000, 1)


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


def names(scene: Scene) -> tuple[str, str, str]:
    session = scene.call.session
    return session.conversation_id, session.group_id, session.resume_token


@asynccontextmanager
async def resumed(store: Store, scene: Scene) -> AsyncIterator[Scene]:
    """The same call in the next process, attended by its owner."""
    chat_id, ids = scene.call.session.conversation.chat_id, count(1)
    async with Calls(engines(), store, LoopClock(), CallLimits(), lambda: f"again-{next(ids)}") as calls:
        token = scene.call.session.resume_token
        call, was_open = await admit(calls, scene.call.user_id, chat_id, None, SessionSettings(), resume=token)
        assert was_open
        again = Scene(calls, call, store)
        again.events += Attendance(calls, call).enter(again.heard)
        yield again


@pytest.mark.slow
def test_a_stopped_process_lets_her_finish_and_the_next_goes_on() -> None:
    async def story(store: Store) -> None:
        settings = SessionSettings(rules=Rules(complete_ms=400), transfers=("desk",))
        async with opened(store, settings=settings, wire=MULAW) as scene:
            await scene.call.session.say("Hello")
            await scene.until(ReplyAudio)
            draining = asyncio.create_task(scene.calls.drain(60.0))
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                scene.calls.check_vacancy("anybody")
            assert not (await scene.until(ReplyEnded)).interrupted
            await draining
            assert scene.of(Restarting) == [Restarting(scene.call.session.resume_token, 0)]
            assert scene.of(CallEnded)[0].reason == "closing"
            token = scene.call.session.resume_token
            with pytest.raises(Busy, match="restarts"):
                scene.calls.resume(scene.call.user_id, scene.call.session.conversation.chat_id, token)
        async with resumed(store, scene) as again:
            assert names(again) == names(scene)
            assert again.call.session.settings == settings
            assert again.call.wire == MULAW
            assert not again.events, "nothing was missed"
            await again.call.session.say("Are you there?")
            assert (await again.until(UserMessage)).turn == 2
            assert (await again.until(ReplyBegan)).turn == 2
            again.call.session.hang_up()
            await again.until(CallEnded)
        assert [message.role for message in await messages(store, scene)] == ["user", "assistant"] * 2
        assert await left(store, scene) is None, "a call that was hung up is over"

    played_out(story)


def test_what_takes_too_long_is_broken_off() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            scene.call.session.greet()
            await scene.until(ReplyAudio)
            await scene.calls.drain(1.0)
            (ended,) = scene.of(ReplyEnded)
            assert ended.interrupted
            assert GREETING.startswith(ended.heard)
            assert [type(event) for event in scene.events[-2:]] == [Restarting, CallEnded]

    played_out(story)


def test_after_a_crash_its_owner_is_told_what_was_cut_and_answered_what_is_owed() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.session.say("Hello")
            began = await scene.until(ReplyBegan)
            await asyncio.sleep(1.05)
            chat_id = scene.call.session.conversation.chat_id
            crashed = await messages(store, scene)
            assert crashed[1].text, "a checkpoint each second"
            assert not crashed[1].completed
            row = await kept_row(store, scene)
        # As the process would have left it.
        await store.update_message(began.message_id, text=crashed[1].text, completed=False, interrupted=False)
        await store.claim_call(row, over=row.epoch)
        await store.recover()
        await store.recover()
        async with resumed(store, scene) as again:
            assert names(again) == names(scene)
            cleared, ended = again.events
            assert isinstance(cleared, ReplyCleared)
            text = crashed[1].full_text or ""
            assert ended == ReplyEnded(1, began.message_id, text, crashed[1].text, interrupted=True)
            assert len(text) > len(crashed[1].text)
            await again.call.session.say("Go on")
            assert (await again.until(ReplyBegan)).turn == 2
            again.call.session.stop()
        await store.add_message(chat_id, "user", "And nobody answered this.", origin="spoken")
        row = await kept_row(store, scene)
        await store.keep_calls(released=[await store.claim_call(replace(row, turn=3, reply_id=None), over=row.epoch)])
        async with resumed(store, scene) as again:
            assert (await again.until(ReplyBegan)).turn == 3, "her answer is owed"

    played_out(story)


def test_a_process_that_was_crossed_out_before_it_stored_her_end_leaves_it_to_the_next() -> None:
    """It had not stored either which reply was being said: its writes were waiting."""

    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.session.say("Hello")
            began = await scene.until(ReplyBegan)
            await asyncio.sleep(1.05)
            heard = (await messages(store, scene))[1].text
            row = await kept_row(store, scene)
        await store.update_message(began.message_id, text=heard, completed=False, interrupted=False)
        await store.claim_call(replace(row, reply_id=None), over=row.epoch)
        await store.update_message(began.message_id, completed=False, interrupted=False)
        await store.recover()
        async with resumed(store, scene) as again:
            assert [type(event) for event in again.events] == [ReplyCleared, ReplyEnded]
            (ended,) = again.of(ReplyEnded)
            assert (ended.turn, ended.message_id, ended.heard, ended.interrupted) == (1, began.message_id, heard, True)

    played_out(story)


def test_the_end_that_did_not_reach_the_line_is_told_in_the_next_process() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.session.say("Hello")
            ended = await scene.until(ReplyEnded)
            scene.calls.leave(scene.call, [ended])
            await scene.calls.drain(1.0)
        async with resumed(store, scene) as again:
            assert again.of(ReplyEnded) == [ended]
            await again.calls.drain(1.0)
        async with resumed(store, again) as third:
            assert third.events == [], "once"

    played_out(story)


def test_an_end_that_is_stored_after_the_next_reply_has_begun_is_of_the_earlier_one() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.session.say("Hello")
            began = await scene.until(ReplyBegan)
            scene.call.session._publish(ReplyEnded(0, "the earlier one", "Yes.", "Yes.", interrupted=False))
            scene.calls.let_go()
            await scene.until(CallEnded)
            await store.update_message(began.message_id, completed=True)  # as she had finished it
        row = await kept_row(store, scene)
        assert row.reply_id == began.message_id

    played_out(story)


@pytest.mark.parametrize("stored", [True, False])
def test_an_end_is_told_before_what_was_said_since_and_of_a_reply_of_which_nothing_is_stored(stored: bool) -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.call.session.say("Hello")
            ended = await scene.until(ReplyEnded)
            await scene.calls.drain(1.0)
        row = await kept_row(store, scene)
        await store.add_message(row.chat_id, "user", "And nobody answered this.", origin="spoken")
        reply_id = ended.message_id if stored else "not stored"
        row = await store.claim_call(replace(row, turn=2, reply_id=reply_id), over=row.epoch)
        await store.keep_calls(released=[row])
        async with resumed(store, scene) as again:
            told = again.of(ReplyEnded)
            assert told == [ended if stored else ReplyEnded(2, "not stored", "", "", interrupted=True)]
            assert (await again.until(ReplyBegan)).turn == 2, "her answer is owed"

    played_out(story)


def test_only_in_its_time_can_a_call_be_resumed() -> None:
    async def story(store: Store) -> None:
        async with opened(store) as scene:
            await scene.calls.drain(0.0)
        row = await kept_row(store, scene)
        row = await store.claim_call(row, over=row.epoch)
        await store.keep_calls(released=[replace(row, released_at=store.now() - timedelta(seconds=61))])
        chat_id, token = row.chat_id, scene.call.session.resume_token
        async with Calls(engines(), store, LoopClock(), CallLimits(resume_s=60.0), lambda: "unused") as calls:
            with pytest.raises(NotFound, match="open a new one"):
                await admit(calls, row.user_id, chat_id, None, SessionSettings(), resume=token)

    played_out(story)


def test_what_has_passed_of_a_call_counts() -> None:
    async def story(store: Store) -> None:
        settings = SessionSettings(time_limit=TimeLimit(600.0), recording=CallRecording("This call is recorded."))
        async with opened(store, settings=settings) as scene:
            await scene.until(ReplyEnded)
            await scene.calls.drain(0.0)
        row = await kept_row(store, scene)
        assert row.recorded
        later = settings_of(row, SessionSettings(), 200.0)
        assert later.time_limit == TimeLimit(400.0)
        assert later.recording == CallRecording(), "it was announced"
        unheard = settings_of(replace(row, recorded=False), SessionSettings(), 200.0)
        assert unheard.recording == settings.recording
        assert settings_of(replace(row, settings={"rules": 7}), SessionSettings(), 0.0) == SessionSettings()

    played_out(story)


async def messages(store: Store, scene: Scene):
    return await store.messages(scene.call.session.conversation.chat_id)


async def left(store: Store, scene: Scene):
    """What is kept of the scene's call once no process carries it."""
    await store.recover()
    session = scene.call.session
    chat_id, key = session.conversation.chat_id, hash_of(session.resume_token)
    return await store.kept_call(scene.call.user_id, chat_id, key, timedelta(days=1))


async def kept_row(store: Store, scene: Scene):
    row = await left(store, scene)
    assert row is not None
    return row
