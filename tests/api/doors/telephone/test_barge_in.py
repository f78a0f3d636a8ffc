"""A caller speaks over the persona on lines of Asterisk: its loudspeaker is silent within 200 ms, and stays so."""

import asyncio
import random
from collections.abc import Callable

import numpy as np
import pytest

from api.doors.telephone.asterisk import AsteriskCalls
from api.doors.telephone.asterisk_ws import AsteriskDialect
from api.doors.telephone.audiosocket import AudioSocketDialect
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.phone_line import PhoneLine
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import MemoryWire, now
from tests.api.doors.telephone.scene import desk_in, entry
from tests.pipeline.scene import steadily
from tests.voice.sound import recording
from voice.audio.g711 import mulaw_encode
from voice.audio.resample import resample

GREETING = "Good morning, and welcome to the front desk. " * 6
SPEECH = resample(recording("slt/clinic/01"), 16_000, 8_000)
SILENT_S = 0.2


def audiosocket(desk: Desk) -> tuple[PhoneDialect, bytes, Callable[[np.ndarray], bytes]]:
    """Its dialect, its first message, and how it sends samples."""
    first = b"\x01" + bytes(range(16))
    return (
        AudioSocketDialect(desk, AsteriskCalls(desk, only_announced=False)),
        first,
        lambda pcm: b"\x10" + pcm.astype("<i2").tobytes(),
    )


def chan_websocket(desk: Desk) -> tuple[PhoneDialect, str, Callable[[np.ndarray], bytes]]:
    """As `audiosocket`."""
    first = "MEDIA_START connection_id:c-1 format:ulaw optimal_frame_size:160 ptime:20"
    return AsteriskDialect(desk, {"to": "100"}), first, lambda pcm: mulaw_encode(pcm.astype(np.int16))


@pytest.mark.parametrize("seed", range(5))
def test_what_audiosocket_plays_ends_when_the_caller_speaks(seed: int) -> None:
    """It keeps nothing, so what is not sent is not heard."""

    async def story(store: Store) -> None:
        async with desk_in(store, entry(number="*", greeting=GREETING)) as desk, asyncio.TaskGroup() as tasks:
            dialect, first, frame = audiosocket(desk)
            wire = MemoryWire()
            serving = tasks.create_task(PhoneLine(wire, dialect, desk).serve())
            wire.say(first)

            def loud() -> list[float]:
                return [at for at, sent in wire.sent if isinstance(sent, bytes) and any(sent[1:])]

            await speak(wire, frame, lambda: bool(loud()), np.zeros(160, np.int16))
            until = now() + random.Random(seed).uniform(1.0, 4.0)
            await speak(wire, frame, lambda: now() >= until, np.zeros(160, np.int16))
            began = now()
            for start in range(0, 160 * 40, 160):
                wire.say(frame(SPEECH[start : start + 160]))
                await asyncio.sleep(0.02)
            after = [at - began for at in loud() if at >= began]
            assert after
            assert max(after) <= SILENT_S
            wire.say(b"\x00")
            await serving

    steadily(story, run_virtually)


def test_chan_websocket_is_told_to_be_silent_when_the_caller_speaks_and_drops_its_queue() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(number="*", greeting=GREETING)) as desk, asyncio.TaskGroup() as tasks:
            dialect, first, frame = chan_websocket(desk)
            wire = MemoryWire()
            serving = tasks.create_task(PhoneLine(wire, dialect, desk).serve())
            wire.say(first)

            def told(command: str) -> list[float]:
                return [at for at, sent in wire.sent if sent == command]

            await speak(wire, frame, lambda: len(wire.sent) > 20, np.zeros(160, np.int16))
            until = now() + 2.0
            await speak(wire, frame, lambda: now() >= until, np.zeros(160, np.int16))
            assert told("PAUSE_MEDIA") == told("FLUSH_MEDIA") == []
            began = now()
            for start in range(0, 160 * 40, 160):
                wire.say(frame(SPEECH[start : start + 160]))
                await asyncio.sleep(0.02)
            assert told("PAUSE_MEDIA")[0] - began <= SILENT_S
            sent_after = [at for at, sent in wire.sent if isinstance(sent, bytes) and at > told("PAUSE_MEDIA")[0]]
            assert sent_after == []
            wire.say(None)
            await serving

    steadily(story, run_virtually)


async def speak(
    wire: MemoryWire, frame: Callable[[np.ndarray], bytes], over: Callable[[], bool], samples: np.ndarray
) -> None:
    """Send 20 ms again and again until something is so."""
    while not over():
        wire.say(frame(samples))
        await asyncio.sleep(0.02)
