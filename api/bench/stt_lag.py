"""Event loop lag while utterances are decoded: in threads of the same process, and in a child process."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from rich.table import Table

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.errors import Cancelled as CancelledError
from voice.stt.base import Transcriber, Transcript
from voice.stt.process.process import NICENESS, ProcessTranscriber
from voice.stt.whisper.batching import Batcher
from voice.stt.whisper.engine import load_model
from voice.stt.whisper.short_window import Decoded, Request, ShortWindow
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)
from voice.work.workers import Priority, ThreadWorkers

UTTERANCES, SECONDS, ROUNDS = 8, 4.0, 3
TOKENS = 12
"""Tokens forced per utterance: random weights never generate an end token."""

TICK_S, IDLE_S = 0.005, 1.0


@dataclass(frozen=True, slots=True)
class LagRow:
    """The event loop lag of one way of decoding.

    Attributes:
        way: where the utterances were decoded.
        p50_ms, p99_ms, most_ms: lag of the loop's timers, over all ticks of all rounds (nearest rank).
        decoded_ms: time to decode all utterances, median of the rounds.
        ticks: number of samples.
    """

    way: str
    p50_ms: float
    p99_ms: float
    most_ms: float
    decoded_ms: float
    ticks: int


class OneTry:
    """Whisper as in the service, batched with short windows, but with a fixed number of tokens.

    Args:
        folder: a CTranslate2 model.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"whisper:{folder.name}"
        self._folder = folder
        self._short: ShortWindow | None = None
        self._loading = Lock()
        self._batcher: Batcher[Request, Decoded | None] = Batcher(self._decode)

    def warm(self) -> None:
        """Load the model and run it once. Blocking."""
        self.transcribe(np.full(RATE_HZ, 0.01, np.float32))

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`."""
        decoded = self._batcher.run(Request(audio, prompt, TOKENS, "en", cancelled), cancelled)
        if decoded is None:
            raise CancelledError("The transcript is no longer wanted.")
        return Transcript(decoded.text)

    def _decode(self, requests: Sequence[Request]) -> list[Decoded | None]:
        with self._loading:
            if self._short is None:
                self._short = ShortWindow(load_model(self._folder, "cpu", "int8", 2))
            return self._short.at_window(requests)


def measure_lag(
    folder: Path, *, utterances: int = UTTERANCES, seconds: float = SECONDS, rounds: int = ROUNDS
) -> list[LagRow]:
    """Measure the event loop lag when idle, and while the same utterances are decoded in each way, in several rounds.

    Args:
        folder: a CTranslate2 model.
        utterances: number of concurrent utterances, of `seconds` each.
        rounds: number of rounds.
    """
    make = partial(OneTry, folder)
    here, there = make(), ProcessTranscriber(make, name="there", niceness=NICENESS)
    try:
        here.warm()
        there.warm()
        noise = np.random.default_rng(1).normal(0, 0.1, (utterances, round(seconds * RATE_HZ))).astype(np.float32)
        ways: dict[str, Transcriber] = {
            "threads of this process": here,
            f"a process of its own at nice {NICENESS}": there,
        }
        return asyncio.run(_rounds(ways, list(noise.clip(-1, 1)), rounds))
    finally:
        there.close()


async def _rounds(ways: dict[str, Transcriber], audio: list[Float32Mono16k], rounds: int) -> list[LagRow]:
    idle: list[float] = []
    lags: dict[str, list[float]] = {way: [] for way in ways}
    took: dict[str, list[float]] = {way: [] for way in ways}
    workers, loop = ThreadWorkers(len(audio)), asyncio.get_running_loop()
    try:
        for _ in range(rounds):
            idle += await _lags_until(asyncio.create_task(asyncio.sleep(IDLE_S)))
            for way, transcriber in ways.items():
                begun = loop.time()
                jobs = [
                    workers.submit(_job(transcriber, one), call=str(n), priority=Priority.FINAL)
                    for n, one in enumerate(audio)
                ]
                lags[way] += await _lags_until(asyncio.gather(*jobs))
                took[way].append(loop.time() - begun)
    finally:
        await workers.close()
    return [_row("nothing is decoded", idle, [0.0]), *(_row(way, lags[way], took[way]) for way in ways)]


def _job(transcriber: Transcriber, audio: Float32Mono16k) -> Callable[[Cancelled], Transcript]:
    return lambda cancelled: transcriber.transcribe(audio, cancelled=cancelled)


async def _lags_until(done: asyncio.Future[Any]) -> list[float]:
    """Return the lag of each tick until `done`, in seconds; at least one."""
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    while not lags or not done.done():
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        lags.append(max(loop.time() - due, 0.0))
    await done
    return lags


def _row(way: str, lags: list[float], took: list[float]) -> LagRow:
    ordered = sorted(lags)
    p50, p99, most = (ordered[math.ceil(share * len(ordered)) - 1] * 1000 for share in (0.5, 0.99, 1.0))
    return LagRow(way, p50, p99, most, sorted(took)[len(took) // 2] * 1000, len(ordered))


def lag_table(rows: list[LagRow], title: str) -> Table:
    """Render the rows as a table."""
    table = Table(
        "decoded in", "lag p50 ms", "lag p99 ms", "most ms", "all heard after ms", title=title, title_justify="left"
    )
    for row in rows:
        decoded = f"{row.decoded_ms:.0f}" if row.decoded_ms else ""
        table.add_row(row.way, f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.most_ms:.1f}", decoded)
    return table
