"""`glow bench stt`: Whisper at the utterance's own window beside the full 30 s and stock faster-whisper, in one run."""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench_stt_lag import SECONDS, UTTERANCES, lag_table, measure_lag
from api.call import ClientError
from api.random_whisper import make_random_whisper
from voice.audio import decode_file
from voice.formats import RATE_HZ
from voice.stt.base import Float32Mono16k
from voice.stt.short_window import Request, ShortWindow
from voice.stt.whisper import load_model, token_cap
from voice.word_error import word_error_rate

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

RECORDINGS = Path(__file__).parents[1] / "voice" / "recordings"
LONGEST_S = 30.0
COST_TOKENS = 12
"""Tokens that random weights are made to write: about what 4 s of speech holds."""

LAG = f"event loop while {UTTERANCES} utterances of {SECONDS:g} s are decoded"

_SOUND = {".wav", ".flac", ".ogg", ".mp3", ".webm", ".m4a"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording and, where it is known, what it says."""

    name: str
    audio: Float32Mono16k
    text: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """What one way of decoding costs an utterance, and how well it hears.

    Attributes:
        way: how it was decoded.
        cpu_ms, wall_ms: median of an utterance.
        times_less_cpu: than stock `transcribe(beam_size=1)`, as the median of the pairs.
        word_error: over all recordings whose text is known; None where it means nothing.
    """

    way: str
    cpu_ms: float
    wall_ms: float
    times_less_cpu: float
    word_error: float | None


def recordings_in(folder: Path, most: int) -> list[Spoken]:
    """The folder's recordings of up to 30 s; the text from manifest.json or from a .txt beside each.

    Raises:
        ClientError: there is none.
    """
    manifest = folder / "manifest.json"
    entries = json.loads(manifest.read_text("utf-8")) if manifest.is_file() else []
    texts = {entry["file"]: entry["text"] for entry in entries}
    found: list[Spoken] = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUND):
        name = path.relative_to(folder).as_posix()
        beside = path.with_suffix(".txt")
        text = texts.get(name) or (beside.read_text("utf-8").strip() if beside.is_file() else None)
        audio = decode_file(path.read_bytes(), max_seconds=LONGEST_S)
        if len(audio) / RATE_HZ >= 1.0:
            found.append(Spoken(name, audio, text))
    if not found:
        raise ClientError(f"There is no recording of at least a second in {folder}; put WAV or FLAC files there.")
    step = max(1, len(found) // most)
    return found[::step][:most]


def measure(model: "WhisperModel", spoken: Sequence[Spoken], *, words: bool, cap: int | None = None) -> list[Row]:
    """Decode every recording in each way, the ways of one recording right after each other.

    Args:
        model: a loaded faster-whisper model.
        spoken: what to decode.
        words: whether what it writes means anything.
        cap: a token cap for all, instead of the one by duration.
    """
    short = ShortWindow(model)
    vocabulary = model.hf_tokenizer.get_vocab_size()

    def request(item: Spoken) -> Request:
        return Request(item.audio, "", cap or token_cap(len(item.audio), vocabulary), "en", lambda: False)

    def ours(item: Spoken) -> str:
        if cap:
            (decoded,) = short.at_window([request(item)])
        else:
            (decoded,) = short.decode([request(item)])
        return decoded.text if decoded else ""

    def full(item: Spoken) -> str:
        segments, _ = model.transcribe(
            item.audio,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            condition_on_previous_text=False,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
            no_speech_threshold=None,
            max_new_tokens=short.most_new_tokens("", "en", request(item).most_tokens),
        )
        return " ".join(segment.text.strip() for segment in segments)

    def stock(item: Spoken) -> str:
        most = short.most_new_tokens("", "en", cap) if cap else None
        segments, _ = model.transcribe(item.audio, beam_size=1, max_new_tokens=most)
        return " ".join(segment.text.strip() for segment in segments)

    ways: dict[str, Callable[[Spoken], str]] = {
        "own window": ours,
        "30 s, same settings": full,
        "stock transcribe(beam_size=1)": stock,
    }
    for way in ways.values():
        way(spoken[0])  # the first call of each is slower
    timed: dict[str, list[tuple[float, float, str]]] = {name: [] for name in ways}
    for item in spoken:
        for name, way in ways.items():
            timed[name].append(_timed(way, item))
    timed["own window, 8 together"] = _together(short, spoken, request, cap)
    base = [cost for cost, _, _ in timed["stock transcribe(beam_size=1)"]]
    order = ["own window", "own window, 8 together", "30 s, same settings", "stock transcribe(beam_size=1)"]
    return [_row(name, timed[name], base, spoken, words=words) for name in order]


def _together(
    short: ShortWindow, spoken: Sequence[Spoken], request: Callable[[Spoken], Request], cap: int | None
) -> list[tuple[float, float, str]]:
    ordered = sorted(range(len(spoken)), key=lambda index: len(spoken[index].audio))
    results: dict[int, tuple[float, float, str]] = {}
    for start in range(0, len(ordered), 8):
        batch = ordered[start : start + 8]
        cpu, wall = time.process_time(), time.perf_counter()
        requests = [request(spoken[index]) for index in batch]
        decoded = short.at_window(requests) if cap else short.decode(requests)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        for index, one in zip(batch, decoded, strict=True):
            results[index] = (cpu / len(batch), wall / len(batch), one.text if one else "")
    return [results[index] for index in range(len(spoken))]


def _timed(way: Callable[[Spoken], str], item: Spoken) -> tuple[float, float, str]:
    cpu, wall = time.process_time(), time.perf_counter()
    text = way(item)
    return time.process_time() - cpu, time.perf_counter() - wall, text


def _row(
    name: str, timed: list[tuple[float, float, str]], base: list[float], spoken: Sequence[Spoken], *, words: bool
) -> Row:
    known = [(item.text, text) for item, (_, _, text) in zip(spoken, timed, strict=True) if item.text is not None]
    return Row(
        name,
        statistics.median(cpu for cpu, _, _ in timed) * 1000,
        statistics.median(wall for _, wall, _ in timed) * 1000,
        statistics.median(stock / cpu for (cpu, _, _), stock in zip(timed, base, strict=True)),
        word_error_rate(known) if words and known else None,
    )


def bench_stt(console: Console, *, audio: Path | None, model: Path | None, most: int, as_json: bool) -> None:
    """Measure and print; without a model, the fixture model for words and random weights of base size for cost.

    Raises:
        ClientError: no recordings.
        EngineUnavailable: the model does not load.
    """
    spoken = recordings_in(audio or RECORDINGS, most)
    load = os.getloadavg()[0]
    results: dict[str, list[Row]] = {}
    if model is not None:
        results[model.name] = measure(load_model(model, "cpu", "int8", 1), spoken, words=True)
        lag = measure_lag(model)
    else:
        from voice.test_models import WHISPER_NANO

        nano = load_model(WHISPER_NANO, "cpu", "int8", 1)
        results["whisper:nano (a test model)"] = measure(nano, spoken, words=True)
        with tempfile.TemporaryDirectory(prefix="glow-voice-") as folder:
            random = make_random_whisper(Path(folder) / "base.en")
            base = load_model(random, "cpu", "int8", 1)
            results[f"base.en with random weights, {COST_TOKENS} tokens each"] = measure(
                base, spoken, words=False, cap=COST_TOKENS
            )
            lag = measure_lag(random)
    if as_json:
        tables = {name: [asdict(row) for row in rows] for name, rows in results.items()}
        console.print_json(json.dumps(tables | {LAG: [asdict(row) for row in lag]}))
        return
    seconds = statistics.median(len(item.audio) / RATE_HZ for item in spoken)
    console.print(Text(f"{len(spoken)} recordings, median {seconds:.1f} s; int8, one thread; load {load:.1f} before"))
    for name, rows in results.items():
        console.print(_table(name, rows))
    console.print(lag_table(lag, f"{LAG}, {name}"))


def _table(name: str, rows: list[Row]) -> Table:
    table = Table("way", "CPU ms", "wall ms", "times less CPU", "word error", title=name, title_justify="left")
    for row in rows:
        error = "" if row.word_error is None else f"{row.word_error:.1%}"
        table.add_row(row.way, f"{row.cpu_ms:.0f}", f"{row.wall_ms:.0f}", f"{row.times_less_cpu:.1f}", error)
    return table
