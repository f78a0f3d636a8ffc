"""Silence stands in for audio that a caller leaves out, so that turns end and audio time goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from api.doors.line import FreshAttempt, Gaps, Hear, Heard, LineOpened, Message, Opening, Outsider
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.registry import CallLimits
from pipeline.conversation.events import CallEnded, Problem, UserEnded, UserStarted
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import PRACTICE, Caller, PlainDialect, carried, now, service_in
from tests.api.doors.line.test_line import refused
from tests.pipeline.scene import steadily
from tests.voice.sound import recording
from voice.audio.formats import AudioFormat

LINE = recording("rms/turns/13")
PLAIN = Opening(Outsider("tel", "+15551230000"), FreshAttempt(PRACTICE))
FILLED = replace(PLAIN, gaps=Gaps())


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


class Stamped(PlainDialect):
    """Its audio begins with a timestamp in milliseconds, in eight bytes."""

    def heard(self, message: Message) -> Heard | None:
        assert isinstance(message, bytes)
        return Hear(message[8:], int.from_bytes(message[:8], "big"))


def stamped(samples: np.ndarray, at_ms: int) -> bytes:
    return at_ms.to_bytes(8, "big") + samples.astype("<i2").tobytes()


@pytest.mark.parametrize(("opening", "after_s"), [(FILLED, 0.4), (PLAIN, 1.2)], ids=["filled", "as it comes"])
def test_a_turn_ends_though_nothing_comes_after_the_words(opening: Opening, after_s: float) -> None:
    """With silence in their place the endpoint is found; without, frames that stay out for a second end the turn."""

    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            await caller.speak(LINE)
            spoken = now()
            ended = await caller.dialect.until(UserEnded)
            assert ended.reason == "silence"
            assert now() - spoken == pytest.approx(after_s, abs=0.25)

    played_out(story)


def test_pauses_between_words_that_are_left_out_do_not_end_the_turn_early() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(FILLED)) as caller:
            await caller.speak(LINE)
            await asyncio.sleep(0.2)
            await caller.speak(LINE)
            await caller.dialect.until(UserEnded)
            assert len(caller.dialect.of(UserStarted)) == 1

    played_out(story)


def test_audio_time_follows_the_timestamps() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, Stamped(FILLED)) as caller:
            call = await opened(service, store, caller)
            for number in (0, 1, 2, 10, 11, 40):
                caller.wire.say(stamped(LINE[:320], number * 20))
                await asyncio.sleep(0.001)
            assert call.session.position_ms == 41 * 20, "35 of 41 packets were left out"

    played_out(story)


def test_late_packets_are_heard_and_their_silence_is_not_given_twice() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, Stamped(FILLED)) as caller:
            call = await opened(service, store, caller)
            began = now()
            for number in range(10):
                caller.wire.say(stamped(LINE[:320], number * 20))
                await asyncio.sleep(0.02)
            before = call.session.position_ms
            await asyncio.sleep(0.2)  # the network holds ten packets back, then brings them at once
            filled = call.session.position_ms - before
            assert filled == pytest.approx(160, abs=40)
            for number in range(10, 21):
                caller.wire.say(stamped(LINE[:320], number * 20))
            await asyncio.sleep(0.01)
            assert call.session.position_ms == before + filled + 11 * 20, "no word of them is lost"
            caller.wire.say(stamped(LINE[:320], 50 * 20))  # and 29 packets are left out
            await asyncio.sleep(0.001)
            assert call.session.position_ms == pytest.approx(51 * 20, abs=20), "in which time is itself again"
            assert now() - began < 0.6

    played_out(story)


def test_silence_that_stands_in_is_no_sign_of_life() -> None:
    async def story(store: Store) -> None:
        patient = CallLimits(idle_s=30)
        async with service_in(store, limits=patient) as service, carried(service, PlainDialect(FILLED)) as caller:
            await caller.speak(LINE[:3_200])
            assert (await caller.dialect.until(Problem)).code == "idle"
            await caller.dialect.until(CallEnded)
            assert now() < 60

    played_out(story)


@pytest.mark.parametrize("encoding", ["opus", "container"])
def test_gaps_need_a_format_whose_length_shows(encoding: str) -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            code, sentence, _ = await refused(service, replace(FILLED, input=AudioFormat(encoding, 16_000)))  # type: ignore[arg-type]
            assert (code, "cannot be counted" in sentence) == ("unsupported_format", True)
            assert not len(service.calls)

    played_out(story)


async def opened(service: object, store: Store, caller: Caller) -> Call:
    told = await caller.dialect.until(LineOpened)
    user = await store.user_by_name("tel:+15551230000")
    assert user is not None
    call = service.calls.find(user.id, chat_id=told.chat_id)  # type: ignore[attr-defined]
    assert call is not None
    return call
