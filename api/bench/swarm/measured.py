"""Service times as they were measured, which the simulation draws from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT = Path(__file__).with_name("measured.json")
"""The figures of the repository; `glow bench swarm --measure` retakes them."""


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """A run of `glow bench load`, which the simulation has to reproduce.

    Attributes:
        stt, tts: the engines.
        sessions, cores, lag_p99_ms, answers, expected, voice_to_voice_p50_ms, voice_to_voice_p95_ms: see `Load`.
        others: cores that other programs used meanwhile, the callers' among them.
    """

    stt: str
    tts: str
    sessions: int
    cores: float
    lag_p99_ms: float
    answers: int
    expected: int
    voice_to_voice_p50_ms: float
    voice_to_voice_p95_ms: float
    others: float


@dataclass(frozen=True, slots=True)
class GatewayTimes:
    """What a gateway's interpreter does, in milliseconds of processor time.

    Attributes:
        quiet_frame_ms: a frame of 20 ms from a caller who listens, from the message to the detector.
        speech_frame_ms: one from a caller who speaks.
        played_frame_ms: sending 20 ms of a reply.
        turn_ms: what a turn costs beside its frames.
        turn_jobs: in how many pieces, between which the interpreter serves others.
        in_threads: the share of a turn's cost outside the interpreter's lock; fitted to the lag of 50 calls.
        overhead_ms: quantiles (0 to 1, evenly) of the voice to voice latency above the endpoint delay when idle.
        lag_ms: quantiles of the lag of a frame when idle.
    """

    quiet_frame_ms: float
    speech_frame_ms: float
    played_frame_ms: float
    turn_ms: float
    turn_jobs: int
    in_threads: float
    overhead_ms: list[float]
    lag_ms: list[float]


@dataclass(frozen=True, slots=True)
class RecogniserTimes:
    """A recogniser's decoding on idle cores.

    Attributes:
        name: the engine.
        threads: its threads.
        seconds: lengths of utterances.
        wall_s: how long one of each length takes alone.
        batch: how long batches of 1 to 8 take, as multiples of one utterance.
        spread: quantiles of how much longer or shorter an utterance takes than another of its length.
        sketch: the cost of a sketch, as a share of a transcript.
        encoding: the share of a sketch before the point at which it gives way to a transcript.
    """

    name: str
    threads: int
    seconds: list[float]
    wall_s: list[float]
    batch: list[float]
    spread: list[float]
    sketch: float
    encoding: float


@dataclass(frozen=True, slots=True)
class SynthesizerTimes:
    """A synthesizer's work on an idle core.

    Attributes:
        name: the engine.
        first_s: until the first audio of a clause.
        per_second: seconds of work for a second of speech.
    """

    name: str
    first_s: float
    per_second: float


@dataclass(frozen=True, slots=True)
class DatabaseTimes:
    """Transactions of a gateway's kind: one row inserted or updated, and a commit that reaches the disk.

    Attributes:
        name: the server.
        connections: numbers of concurrent connections.
        commit_s: the mean time of a transaction with each of them.
        a_turn: transactions of a turn, without checkpoints.
        checkpoint_every_s: seconds of a reply between two checkpoints of what was heard.
    """

    name: str
    connections: list[int]
    commit_s: list[float]
    a_turn: int
    checkpoint_every_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures, and how they were taken.

    Attributes:
        taken: date, machine, and what else ran meanwhile.
    """

    taken: dict[str, str]
    gateway: GatewayTimes
    recogniser: RecogniserTimes
    synthesizer: SynthesizerTimes
    database: DatabaseTimes
    loads: list[MeasuredLoad]


def read_measured(file: Path = KEPT) -> Measured:
    """Read the figures of a file."""
    data: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return Measured(
        taken=data["taken"],
        gateway=GatewayTimes(**data["gateway"]),
        recogniser=RecogniserTimes(**data["recogniser"]),
        synthesizer=SynthesizerTimes(**data["synthesizer"]),
        database=DatabaseTimes(**data["database"]),
        loads=[MeasuredLoad(**load) for load in data["loads"]],
    )


def write_measured(measured: Measured, file: Path) -> None:
    """Write the figures to a file."""
    file.write_text(json.dumps(asdict(measured), indent=1) + "\n", "utf-8")


def at_quantile(quantiles: list[float], share: float) -> float:
    """Return the value at a share (0 to 1) of evenly spaced quantiles, interpolated."""
    at = share * (len(quantiles) - 1)
    low = min(int(at), len(quantiles) - 2) if len(quantiles) > 1 else 0
    high = min(low + 1, len(quantiles) - 1)
    return quantiles[low] + (quantiles[high] - quantiles[low]) * (at - low)


def on_curve(xs: list[float] | list[int], ys: list[float], x: float) -> float:
    """Return the value of a measured curve at `x`: interpolated, beyond its ends with the slope of the last piece."""
    if len(xs) == 1:
        return ys[0]
    piece = 0
    while piece < len(xs) - 2 and x > xs[piece + 1]:
        piece += 1
    (x0, x1), (y0, y1) = xs[piece : piece + 2], ys[piece : piece + 2]
    return max(min(ys) * 0.1, y0 + (y1 - y0) * (x - x0) / (x1 - x0))
