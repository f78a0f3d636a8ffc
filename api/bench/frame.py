"""`glow bench frame`: CPU time from an audio message to the detector's result, per 20 ms frame."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.turn import BACKGROUND_NOISE, busy_note, spread
from api.client.recordings import learner_recording
from pipeline.hearing.ear import Ear
from voice.audio.formats import RATE_HZ, AudioFormat, Int16Mono
from voice.audio.g711 import alaw_encode, mulaw_encode
from voice.audio.intake import AudioIntake
from voice.audio.opus import OpusEncoder
from voice.audio.resample import resample
from voice.speech.endpointing import Endpointer

BUDGET_US = 150.0
"""Budget of a 20 ms frame in microseconds: one core can then listen to a hundred calls and still answer them."""

SCENE, RECORDINGS = "records-office", 6


@dataclass(frozen=True, slots=True)
class WireFormat:
    """An audio format and the size of its messages: `message_ms` of audio, or `message_bytes`."""

    name: str
    format: AudioFormat
    message_ms: int = 20
    message_bytes: int = 0


WIRE_FORMATS = (
    WireFormat("pcm16 16 kHz, 20 ms", AudioFormat("pcm16", 16_000)),
    WireFormat("pcm16 24 kHz, 256 bytes", AudioFormat("pcm16", 24_000), message_bytes=256),
    WireFormat("pcm16 44.1 kHz, 20 ms", AudioFormat("pcm16", 44_100)),
    WireFormat("pcm16 48 kHz stereo, 20 ms", AudioFormat("pcm16", 48_000, 2)),
    WireFormat("mu-law 8 kHz, 20 ms", AudioFormat("mulaw", 8_000)),
    WireFormat("A-law 8 kHz, 20 ms", AudioFormat("alaw", 8_000)),
    WireFormat("Opus 48 kHz, 20 ms", AudioFormat("opus", 48_000)),
)


@dataclass(frozen=True, slots=True)
class FrameCost:
    """CPU time per 20 ms frame in microseconds: median and 95th percentile of the rounds.

    Attributes:
        wire: the format.
        sound: "quiet room" (the gate stays closed) or "speech" (Silero runs).
    """

    wire: str
    sound: str
    median_us: float
    p95_us: float


def bench_frame(console: Console, *, rounds: int, as_json: bool) -> None:
    """Measure each format on background noise and on speech, and print the results."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    with console.status("Measuring..."):
        costs = frame_costs(rounds)
    if as_json:
        result = {"rounds": rounds, "budget_us": BUDGET_US, "load_before": load, "costs": [asdict(c) for c in costs]}
        console.print_json(json.dumps(result))
        return
    table = Table("the learner's audio", "sound", "median us", "p95 us", title="A 20 ms frame", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"
    for cost in costs:
        table.add_row(cost.wire, cost.sound, f"{cost.median_us:.0f}", f"{cost.p95_us:.0f}")
    console.print(table)
    over = sum(cost.median_us > BUDGET_US for cost in costs)
    console.print(Text(f"{len(costs) - over} of {len(costs)} are within {BUDGET_US:.0f} us. {busy_note(load, cores)}"))


def frame_costs(rounds: int, *, recordings: int = RECORDINGS) -> list[FrameCost]:
    """Measure the cost of a frame in every format, on both sounds; each round measures all of them."""
    speech = np.concatenate([learner_recording(SCENE, 1 + number).samples for number in range(recordings)])
    noise = (np.random.default_rng(0).standard_normal(len(speech)) * BACKGROUND_NOISE).astype(np.int16)
    runs = {
        (wire, sound): (messages_of(wire, samples), list[float]())
        for wire in WIRE_FORMATS
        for sound, samples in (("quiet room", noise), ("speech", speech))
    }
    for _ in range(rounds):
        for (wire, _), (messages, found) in runs.items():
            found.append(_cost_us(wire.format, messages))
    spreads = {key: spread(found) for key, (_, found) in runs.items()}
    return [FrameCost(wire.name, sound, of.median, of.p95) for (wire, sound), of in spreads.items()]


def messages_of(wire: WireFormat, samples: Int16Mono) -> list[bytes]:
    """Encode samples at 16 kHz, shape (n,), as a client's messages."""
    audio = resample(samples, RATE_HZ, wire.format.rate_hz)
    if wire.format.encoding == "opus":
        encoder = OpusEncoder(wire.format.rate_hz)
        whole = len(audio) - len(audio) % encoder.block
        return [encoder.encode(audio[start : start + encoder.block]) for start in range(0, whole, encoder.block)]
    encoders: dict[str, Callable[[Int16Mono], bytes]] = {"mulaw": mulaw_encode, "alaw": alaw_encode}
    data = encoders.get(wire.format.encoding, _pcm16)(np.repeat(audio, wire.format.channels))
    moment = len(data) // len(audio)
    size = wire.message_bytes or moment * wire.format.rate_hz * wire.message_ms // 1000
    return [data[start : start + size] for start in range(0, len(data), size)]


def _pcm16(audio: Int16Mono) -> bytes:
    return audio.astype("<i2").tobytes()


def _cost_us(wire: AudioFormat, messages: Sequence[bytes]) -> float:
    """Measure one call, on the same objects that the service uses."""
    intake, ear, endpointer = AudioIntake(wire), Ear(RATE_HZ, cancels_echo=True), Endpointer()
    frames, position = 0, 0
    began = time.thread_time()
    for message in messages:
        taken = intake.at_once(message)
        assert taken is not None  # none of these formats needs a thread
        for frame in taken[0]:
            position += len(frame)
            heard = ear.hear(frame, position / RATE_HZ, in_utterance=endpointer.speaking)
            endpointer.push(heard.speech, position)
            frames += 1
    return (time.thread_time() - began) / frames * 1e6
