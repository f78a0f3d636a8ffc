"""`glow bench stt`: compares Whisper's short window with the full 30 s and with stock faster-whisper, in one run."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.bench.random_whisper import make_random_whisper
from api.bench.stt_lag import SECONDS, UTTERANCES, lag_table, measure_lag
from api.bench.stt_windows import WindowRow, errors_of, measure_windows, windows_table
from api.bench.turn import busy_note
from api.client.call import ClientError
from api.settings import Settings
from voice.audio.containers import decode_file
from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.errors import VoiceError
from voice.stt.catalog import installed, on_this_machine
from voice.stt.whisper.engine import load_model, token_cap
from voice.stt.whisper.short_window import Request, ShortWindow
from voice.test_models import WHISPER_NANO

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

RECORDINGS = Path(__file__).parents[2] / "voice" / "recordings"
SHORTEST_S, LONGEST_S = 0.3, 30.0
PACKAGED = 24
"""Number of packaged recordings to measure."""

COST_TOKENS = 12
"""Tokens that random weights are forced to generate: about those of 4 s of speech."""

COST_SECONDS = (3.0, 5.0)
COST_RECORDINGS = 8
"""Number of recordings for cost measurements, preferably of this duration."""

STOCK, STOCK_ONCE = "stock transcribe(beam_size=1)", "stock, temperature=0"
"""Stock settings, and without its retries of results that look wrong, as all those of random weights do."""

LAG = f"event loop while {UTTERANCES} utterances of {SECONDS:g} s are decoded"

_SOUND = {".wav", ".flac", ".ogg", ".mp3", ".webm", ".m4a"}


@dataclass(frozen=True, slots=True)
class SpokenRecording:
    """A recording, with its text if known."""

    name: str
    audio: Float32Mono16k
    text: str | None


@dataclass(frozen=True, slots=True)
class SttRow:
    """The cost per utterance and the accuracy of one way of decoding.

    Attributes:
        way: the way of decoding.
        cpu_ms, wall_ms: medians per utterance.
        times_less_cpu: CPU speed-up over the last row, as the median of the pairs.
        word_error: word error rate over all recordings with a known text; None if it is meaningless.
    """

    way: str
    cpu_ms: float
    wall_ms: float
    times_less_cpu: float
    word_error: float | None


def recordings_in(folder: Path, most: int | None) -> tuple[list[SpokenRecording], list[str]]:
    """Load the folder's English recordings of 0.3 to 30 s, and a message for each unusable one.

    The text of a recording, and its language if not English, is in manifest.json, or in a .txt file beside it.

    Raises:
        ClientError: there is none, or manifest.json is not a list of files and texts.
    """
    texts, foreign = _texts(folder / "manifest.json")
    found, left_out = list[SpokenRecording](), list[str]()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SOUND):
        name = path.relative_to(folder).as_posix()
        if name in foreign:
            continue
        try:
            audio = decode_file(path.read_bytes(), max_seconds=LONGEST_S)
        except VoiceError as error:
            left_out.append(f"{name} is left out: {error}")
            continue
        beside = path.with_suffix(".txt")
        text = texts.get(name) or (beside.read_text("utf-8").strip() if beside.is_file() else None)
        if len(audio) / RATE_HZ >= SHORTEST_S:
            found.append(SpokenRecording(name, audio, text))
    if not found:
        raise ClientError(
            f"There is no recording of {SHORTEST_S:g} to {LONGEST_S:g} s in {folder}; put WAV or FLAC files there."
        )
    step = 1 if most is None else max(1, len(found) // most)
    return found[::step][:most], left_out


def _texts(manifest: Path) -> tuple[dict[str, str], set[str]]:
    """Return the text of each file, and the files that are not in English."""
    if not manifest.is_file():
        return {}, set()
    try:
        entries = json.loads(manifest.read_text("utf-8"))
        foreign = {str(entry["file"]) for entry in entries if entry.get("language", "en")[:2] != "en"}
        return {str(entry["file"]): str(entry["text"]) for entry in entries if entry["text"] is not None}, foreign
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ClientError(f'{manifest} is no list of {{"file": ..., "text": ...}}; mend it or remove it.') from None


def measure(
    model: "WhisperModel", spoken: Sequence[SpokenRecording], *, words: bool, cap: int | None = None
) -> list[SttRow]:
    """Decode every recording in each way, all ways of a recording in direct succession.

    Args:
        model: a loaded faster-whisper model.
        spoken: the recordings.
        words: whether the model's words are meaningful.
        cap: token cap for all recordings, instead of the one by duration.
    """
    short = ShortWindow(model)
    vocabulary = model.hf_tokenizer.get_vocab_size()

    def request(item: SpokenRecording) -> Request:
        return Request(item.audio, "", cap or token_cap(len(item.audio), vocabulary), "en", lambda: False)

    def ours(item: SpokenRecording) -> str:
        if cap:
            (decoded,) = short.at_window([request(item)])
        else:
            (decoded,) = short.decode([request(item)])
        return decoded.text if decoded else ""

    def full(item: SpokenRecording) -> str:
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

    def stock(item: SpokenRecording, **options: Any) -> str:
        most = short.most_new_tokens("", "en", cap) if cap else None
        segments, _ = model.transcribe(item.audio, beam_size=1, max_new_tokens=most, **options)
        return " ".join(segment.text.strip() for segment in segments)

    ways: dict[str, Callable[[SpokenRecording], str]] = {
        "own window": ours,
        "30 s, same settings": full,
        STOCK_ONCE: partial(stock, temperature=0.0),
    }
    if words:
        ways[STOCK] = stock
    base = STOCK if words else STOCK_ONCE
    for way in ways.values():
        way(spoken[0])  # warm up: the first call of each is slower
    timed: dict[str, list[tuple[float, float, str]]] = {name: [] for name in ways}
    for item in spoken:
        for name, way in ways.items():
            timed[name].append(_timed(way, item))
    timed["own window, 8 together"] = _together(short, spoken, request, cap)
    costs = [cost for cost, _, _ in timed[base]]
    order = sorted(timed, key=lambda name: not name.startswith("own window"))
    return [_row(name, timed[name], costs, spoken, words=words) for name in order]


def _together(
    short: ShortWindow,
    spoken: Sequence[SpokenRecording],
    request: Callable[[SpokenRecording], Request],
    cap: int | None,
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


def _timed(way: Callable[[SpokenRecording], str], item: SpokenRecording) -> tuple[float, float, str]:
    cpu, wall = time.process_time(), time.perf_counter()
    text = way(item)
    return time.process_time() - cpu, time.perf_counter() - wall, text


def _row(
    name: str,
    timed: list[tuple[float, float, str]],
    base: list[float],
    spoken: Sequence[SpokenRecording],
    *,
    words: bool,
) -> SttRow:
    known = [(item.text, text) for item, (_, _, text) in zip(spoken, timed, strict=True) if item.text is not None]
    return SttRow(
        name,
        statistics.median(cpu for cpu, _, _ in timed) * 1000,
        statistics.median(wall for _, wall, _ in timed) * 1000,
        statistics.median(stock / cpu for (cpu, _, _), stock in zip(timed, base, strict=True)),
        errors_of(known).rate if words and known else None,
    )


def bench_stt(
    console: Console, *, audio: Path | None, model: Path | None, most: int | None, windows: bool, as_json: bool
) -> None:
    """Measure and print; without any model, use the test model for accuracy and random weights for cost.

    Args:
        console: the console to print to.
        audio: directory of recordings; the packaged ones by default.
        model: directory of a CTranslate2 model; the best installed one by default.
        most: maximum number of recordings; by default all of `audio`.
        windows: also compare the windows, which takes minutes.
        as_json: print JSON.

    Raises:
        ClientError: there are no recordings.
        EngineUnavailable: the model cannot be loaded.
    """
    spoken, left_out = recordings_in(audio or RECORDINGS, most if audio or most else PACKAGED)
    for sentence in left_out:
        print(sentence, file=sys.stderr)  # noqa: T201
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    results: dict[str, list[SttRow]] = {}
    looks: list[WindowRow] = []
    model = model or _best_here()
    if model is not None:
        loaded, name = load_model(model, "cpu", "int8", 1), model.name
        results[name] = measure(loaded, spoken, words=True)
        if windows:
            looks = measure_windows(loaded, [item for item in spoken if item.text is not None])
        lag = measure_lag(model)
    else:
        nano = load_model(WHISPER_NANO, "cpu", "int8", 1)
        results["whisper:nano (a test model)"] = measure(nano, spoken, words=True)
        with tempfile.TemporaryDirectory(prefix="glow-voice-") as folder:
            random = make_random_whisper(Path(folder) / "base.en")
            base = load_model(random, "cpu", "int8", 1)
            some = of_cost(spoken)
            name = f"base.en with random weights, {COST_TOKENS} tokens each, {_about(some)}"
            results[name] = measure(base, some, words=False, cap=COST_TOKENS)
            lag = measure_lag(random)
    if as_json:
        tables = {name: [asdict(row) for row in rows] for name, rows in results.items()}
        about = {"recordings": len(spoken), "left_out": left_out, "load_before": load}
        more = {"windows": [asdict(row) for row in looks]} if looks else {}
        console.print_json(json.dumps(about | tables | more | {LAG: [asdict(row) for row in lag]}))
        return
    console.print(Text(f"{_about(spoken)}; int8, one thread."))
    for title, rows in results.items():
        console.print(_table(title, rows))
    if looks:
        console.print(windows_table(looks, f"one look at each window, {name}; the last two look again where it is due"))
    console.print(lag_table(lag, f"{LAG}, {name}"))
    console.print(Text(busy_note(load, cores)))


def _best_here() -> Path | None:
    settings = Settings()
    for model in installed(settings.models_dir):
        if model.engine == "whisper":
            return on_this_machine(model, settings.models_dir)
    return None


def of_cost(spoken: Sequence[SpokenRecording]) -> list[SpokenRecording]:
    """Select the recordings for cost measurements."""
    shortest, longest = COST_SECONDS
    usual = [item for item in spoken if shortest <= len(item.audio) / RATE_HZ <= longest]
    return list(usual or spoken)[:COST_RECORDINGS]


def _about(spoken: Sequence[SpokenRecording]) -> str:
    seconds = statistics.median(len(item.audio) / RATE_HZ for item in spoken)
    return f"{len(spoken)} recordings, median {seconds:.1f} s"


def _table(name: str, rows: list[SttRow]) -> Table:
    table = Table("way", "CPU ms", "wall ms", "times less CPU", "word error", title=name, title_justify="left")
    for row in rows:
        error = "" if row.word_error is None else f"{row.word_error:.1%}"
        table.add_row(row.way, f"{row.cpu_ms:.0f}", f"{row.wall_ms:.0f}", f"{row.times_less_cpu:.1f}", error)
    return table
