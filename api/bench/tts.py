"""`glow bench tts`: time to first audio of incremental Piper, stock piper-tts and the other engines."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.random_piper import write_medium_voice
from api.bench.turn import busy_note
from voice.errors import EngineUnavailable
from voice.test_models import PIPER_NANO
from voice.tts.base import VoiceStyle
from voice.tts.catalog import is_test_voice, piper_voices
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.piper.rendering import WholeSentence

if TYPE_CHECKING:
    from piper import PiperVoice

    from voice.tts.base import Synthesizer

SENTENCE = "The train to the city leaves at nine, so let us meet there a little before."
"""A sentence of about 5 seconds."""

STOCK = "PiperVoice.synthesize"

_Audio = Iterator[tuple[int, int]]
"""Number of samples of each chunk, and their rate."""


@dataclass(frozen=True, slots=True)
class TtsRow:
    """The latency of one way of synthesis.

    Attributes:
        way: the way of synthesis.
        first_ms, whole_ms: medians, from the request to the first audio and to the last.
        cpu_ms: median CPU time of the whole sentence.
        seconds: duration of the sentence.
        times_sooner: speed-up of the first audio over the stock library, as the median of the pairs; None without one.
    """

    way: str
    first_ms: float
    whole_ms: float
    cpu_ms: float
    seconds: float
    times_sooner: float | None


@dataclass(frozen=True, slots=True)
class _Said:
    first: float
    whole: float
    cpu: float
    seconds: float


def measure(ways: dict[str, Callable[[], _Audio]], *, runs: int, stock: str | None = None) -> list[TtsRow]:
    """Synthesize the sentence in every way, all ways of a run in direct succession, `runs` times.

    Args:
        ways: by name; each yields the chunks of one sentence as they become ready.
        runs: at least 1.
        stock: the baseline among the ways.
    """
    said: dict[str, list[_Said]] = {name: [] for name in ways}
    for way in ways.values():
        _say(way)
    for run in range(runs):
        # Alternate the order, so that thermal effects and background load favour none of them.
        for name in list(ways)[:: 1 if run % 2 == 0 else -1]:
            said[name].append(_say(ways[name]))
    base = said.get(stock or "")
    return [
        TtsRow(
            name,
            1000 * statistics.median(one.first for one in each),
            1000 * statistics.median(one.whole for one in each),
            1000 * statistics.median(one.cpu for one in each),
            statistics.median(one.seconds for one in each),
            statistics.median(b.first / one.first for b, one in zip(base, each, strict=True)) if base else None,
        )
        for name, each in said.items()
    ]


def bench_tts(console: Console, *, voice: str | None, runs: int, models_dir: Path, as_json: bool) -> None:
    """Measure and print; without an installed Piper voice, use a medium one with random weights.

    Raises:
        EngineUnavailable: the voice is not installed, or there is none and the `onnx` package is missing.
    """
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="glow-voice-") as folder:
        model = _chosen(voice, models_dir) or write_medium_voice(Path(folder))
        name = f"{model.stem} (random weights)" if model.parent == Path(folder) else model.stem
        rows = measure(_piper_ways(model), runs=runs, stock=STOCK)
    others: dict[str, Synthesizer] = {
        "espeak": EspeakSynthesizer(),
        "piper:nano (a test voice)": PiperSynthesizer(PIPER_NANO),
    }
    rest = measure({way: ours(engine) for way, engine in others.items()}, runs=runs)
    if as_json:
        result = {"voice": name, "runs": runs, "load_before": load, "rows": [asdict(row) for row in [*rows, *rest]]}
        console.print_json(json.dumps(result))
        return
    console.print(Text(f"One sentence, {runs} times; medians. Voice: {name}."))
    table = Table("way", "first audio ms", "whole ms", "CPU ms", "of real time", "times sooner")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in [*rows, *rest]:
        sooner = "" if row.times_sooner is None or row.way == STOCK else f"{row.times_sooner:.1f}"
        share = row.whole_ms / 1000 / row.seconds
        table.add_row(
            row.way, f"{row.first_ms:.0f}", f"{row.whole_ms:.0f}", f"{row.cpu_ms:.0f}", f"{share:.3f}", sooner
        )
    console.print(table, soft_wrap=False)
    console.print(Text(busy_note(load, cores)))


def _chosen(voice: str | None, models_dir: Path) -> Path | None:
    here = [path for path in piper_voices(models_dir) if not is_test_voice(path)]
    if voice is None:
        return here[0] if here else None
    if voice.endswith(".onnx"):
        given = Path(voice)
        if not given.is_file():
            raise EngineUnavailable(f"There is no file {given}; give a Piper voice's .onnx file.")
        return given
    given = models_dir / "piper" / f"{Path(voice).name}.onnx"
    if not given.is_file():
        raise EngineUnavailable(f"The Piper voice {voice[:60]} is not here; run `glow models pull {voice[:60]}`.")
    return given


def _piper_ways(model: Path) -> dict[str, Callable[[], _Audio]]:
    from piper import PiperVoice

    # Ours come first: their errors explain what is wrong with a voice.
    whole, streamed = PiperSynthesizer(model, renderer=WholeSentence), PiperSynthesizer(model)
    stock = PiperVoice.load(model)
    return {
        STOCK: lambda: _stock(stock),
        "Glow, whole sentences, 1 thread": ours(whole),
        "Glow, in stretches, 1 thread": ours(streamed),
    }


def _stock(voice: "PiperVoice") -> _Audio:
    for chunk in voice.synthesize(SENTENCE):
        yield len(chunk.audio_int16_array), chunk.sample_rate


def ours(engine: "Synthesizer") -> Callable[[], _Audio]:
    """Return a way of synthesis on one of our engines."""

    def chunks() -> _Audio:
        for chunk in engine.synthesize(SENTENCE, VoiceStyle(), cancelled=lambda: False):
            yield len(chunk.audio), chunk.rate_hz

    return chunks


def _say(way: Callable[[], _Audio]) -> _Said:
    cpu, begin = time.process_time(), time.perf_counter()
    first, seconds = 0.0, 0.0
    for samples, rate_hz in way():
        first = first or time.perf_counter() - begin
        seconds += samples / rate_hz
    return _Said(first, time.perf_counter() - begin, time.process_time() - cpu, seconds)
