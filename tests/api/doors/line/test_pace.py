"""How the persona's audio goes out: so far ahead, in packets so long, and without end on a continuous line."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from api.doors.line import FreshAttempt, HangUp, Opening, Outsider, Pace, Packet, Stop
from api.doors.line.pacer import ContinuousPacer
from models.store import Store
from pipeline.conversation.events import CallEnded, ReplyBegan, ReplyCleared, ReplyEnded
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import GREETING, PRACTICE, PlainDialect, carried, now, service_in
from tests.pipeline.scene import steadily
from voice.audio.formats import AudioFormat

ADA = Outsider("tel", "+15551230000")
GREETED = Opening(ADA, FreshAttempt(PRACTICE), greet=True)
TELEPHONE = replace(
    GREETED,
    input=AudioFormat("mulaw", 8_000),
    output=AudioFormat("mulaw", 8_000),
    pace=Pace(lead_ms=60, continuous=True),
)
MULAW_SILENCE = b"\xff" * 160


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


# ---------------------------------------------------------------------- ahead


@pytest.mark.parametrize(("lead_ms", "most_ms"), [(20, 20), (60, 60), (200, 200), (2_000, 2_000), (None, 300)])
def test_audio_is_as_far_ahead_as_the_door_says(lead_ms: int | None, most_ms: int) -> None:
    async def story(store: Store) -> None:
        opening = replace(GREETED, pace=Pace(lead_ms=lead_ms))
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            assert (await caller.dialect.until(ReplyEnded)).heard == GREETING
            spoken = caller.dialect.spoken()
            begun = spoken[0][0]
            ahead = [packet.at_ms + packet.duration_ms - (at - begun) * 1000 for at, packet in spoken[:-1]]
            assert max(ahead) <= most_ms + 1
            assert min(ahead[len(ahead) // 2 :]) > 0, "and never too late"
            assert max(ahead) > most_ms - 101, "no more careful than it was told to be"

    played_out(story)


def test_packets_are_as_long_as_the_door_says() -> None:
    async def story(store: Store) -> None:
        for packet_ms in (20, 40, 100):
            opening = replace(GREETED, pace=Pace(packet_ms=packet_ms))
            async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
                await caller.dialect.until(ReplyEnded)
                lengths = {packet.duration_ms for _, packet in caller.dialect.packets}
                assert max(lengths) == packet_ms
                assert all(length % 20 == 0 for length in lengths)

    played_out(story)


@pytest.mark.parametrize(
    "chosen", [{"lead_ms": 19}, {"lead_ms": 10_001}, {"packet_ms": 10}, {"packet_ms": 120}, {"lead_ms": -1}]
)
def test_a_pace_that_nobody_keeps_is_refused(chosen: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="ms, not"):
        Pace(**chosen)


# ----------------------------------------------------------------- continuous


def test_a_continuous_line_has_a_packet_every_20_ms_from_its_first_moment() -> None:
    async def story(store: Store) -> None:
        opening = replace(TELEPHONE, greet=False)
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            await asyncio.sleep(5)
            times = [at for at, _ in caller.dialect.packets]
            assert len(times) == pytest.approx(250, abs=2)
            assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.02] * (len(times) - 1))
            assert {packet.data for _, packet in caller.dialect.packets} == {MULAW_SILENCE}

    played_out(story)


def test_a_reply_on_a_continuous_line_has_no_hole_and_is_heard_to_its_end() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(TELEPHONE)) as caller:
            assert (await caller.dialect.until(ReplyEnded)).heard == GREETING
            await asyncio.sleep(1)
            packets = caller.dialect.packets
            assert {len(packet.data) for _, packet in packets} == {160}
            assert [later - earlier for (earlier, _), (later, _) in pairwise(packets)] == pytest.approx(
                [0.02] * (len(packets) - 1)
            )
            turns = [packet.turn for _, packet in packets]
            first, last = turns.index(0), len(turns) - 1 - turns[::-1].index(0)
            assert set(turns[first : last + 1]) == {0}, "no silence within it"
            places = [packet.at_ms for _, packet in packets[first : last + 1]]
            assert places == list(range(0, len(places) * 20, 20))
            assert "".join(packet.text for _, packet in packets).strip() == GREETING

    played_out(story)


def test_what_is_stopped_on_a_continuous_line_is_silent_at_once_and_heard_as_far_as_it_was_sent() -> None:
    async def story(store: Store) -> None:
        dialect = PlainDialect(TELEPHONE, {"stop": Stop()})
        async with service_in(store) as service, carried(service, dialect) as caller:
            await dialect.until(ReplyBegan)
            await asyncio.sleep(1.5)
            caller.wire.say("stop")
            cleared = await dialect.until(ReplyCleared)
            told_at, sent = now(), len(dialect.packets)
            await asyncio.sleep(0.5)
            assert {packet.turn for at, packet in dialect.packets[sent:] if at > told_at} == {None}
            *_, (_, last) = dialect.spoken()
            assert cleared.heard_ms == pytest.approx(last.at_ms + last.duration_ms, abs=20)

    played_out(story)


@pytest.mark.parametrize(
    ("output", "silence"),
    [
        (AudioFormat("pcm16", 8_000), bytes(320)),
        (AudioFormat("pcm16", 16_000, 2), bytes(1_280)),
        (AudioFormat("mulaw", 8_000), MULAW_SILENCE),
        (AudioFormat("alaw", 8_000), b"\xd5" * 160),
    ],
)
def test_silence_is_silence_in_the_callers_format(output: AudioFormat, silence: bytes) -> None:
    async def story(store: Store) -> None:
        opening = replace(TELEPHONE, greet=False, output=output)
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            await asyncio.sleep(0.1)
            assert {packet.data for _, packet in caller.dialect.packets} == {silence}

    played_out(story)


def test_an_opus_line_is_continuous_too() -> None:
    async def story(store: Store) -> None:
        opening = replace(TELEPHONE, output=AudioFormat("opus", 24_000))
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            await caller.dialect.until(ReplyEnded)
            times = [at for at, _ in caller.dialect.packets]
            assert np.allclose(np.diff(times), 0.02)

    played_out(story)


def test_a_continuous_line_ends_with_its_call() -> None:
    async def story(store: Store) -> None:
        dialect = PlainDialect(TELEPHONE, {"bye": HangUp()})
        async with service_in(store) as service, carried(service, dialect) as caller:
            caller.wire.say("bye")
            await dialect.until(CallEnded)
            await asyncio.sleep(0.1)
            sent = len(caller.wire.sent)
            await asyncio.sleep(1)
            assert len(caller.wire.sent) == sent

    played_out(story)


class StallingClock:
    """A clock whose third sleep takes half a second too long."""

    def __init__(self) -> None:
        self.at = 0.0
        self.sleeps = 0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.at += seconds + (0.5 if self.sleeps == 3 else 0.0)
        if self.sleeps == 8:
            raise asyncio.CancelledError


def test_after_a_stall_no_packet_is_made_up_for() -> None:
    """The far end plays each as it comes: a burst would be garbage to it."""
    clock, sent = StallingClock(), list[tuple[float, int]]()
    quiet = Packet(b"", None, 0, 0, 20)
    pacer = ContinuousPacer(clock, quiet, lambda packet: sent.append((clock.now(), packet.seq)), lambda turn, ms: None)
    pacer.add(Packet(b"", 1, number, number * 20, 20) for number in range(1, 6))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(pacer.run())
    assert [seq for _, seq in sent] == [1, 2, 3, 4, 5, 0, 0, 0]
    times = [at for at, _ in sent]
    assert min(np.diff(times)) == pytest.approx(0.02)
    assert times[3] - times[2] == pytest.approx(0.52)


@pytest.mark.parametrize(("catch_up_ms", "made_up"), [(600, True), (100, False)])
def test_a_jitter_buffer_gets_what_was_late(catch_up_ms: int, made_up: bool) -> None:
    """It plays packets by their timestamps: without them it has a hole of half a second."""
    clock, sent = StallingClock(), list[float]()
    quiet = Packet(b"", None, 0, 0, 20)
    pacer = ContinuousPacer(
        clock, quiet, lambda packet: sent.append(clock.now()), lambda turn, ms: None, catch_up_ms=catch_up_ms
    )
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(pacer.run())
    assert (sent[7] - sent[3] < 0.001) == made_up
