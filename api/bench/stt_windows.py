"""Comparison of Whisper's windows: word error rate by margin, fill, prompt and length of the utterance."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rich.table import Table

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.stt.whisper.engine import token_cap
from voice.stt.whisper.short_window import FULL_WINDOW, Decoded, Request, ShortWindow, silence_of, zeros_of
from voice.stt.whisper.suspicion import repeats_itself
from voice.stt.word_error import WordErrors, word_errors

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

PROMPT = "Dana Whitfield, The records office, FERPA in one page"
"""The vocabulary of a packaged practice."""

MARGINS = (256, 512, 640, 768, 1024, FULL_WINDOW)
SHORT_S, LONG_S = 1.5, 4.0


class LabelledRecording(Protocol):
    """A recording and its text."""

    @property
    def audio(self) -> Float32Mono16k:
        """Mono samples at 16 kHz."""

    @property
    def text(self) -> str | None:
        """The text, if it is known."""


@dataclass(frozen=True, slots=True)
class WindowRow:
    """Accuracy and cost of one kind of window.

    Attributes:
        way: the margin in mel frames, or "as shipped".
        fill: content of the margin.
        prompt: whether the call's vocabulary was the prompt.
        short, middle, long, all: word error rates by length: up to 1.5 s, up to 4 s, longer; None without recordings.
        repeated: number of transcripts that reached the token cap or repeat what was said once.
        cpu_ms: mean CPU time per utterance.
    """

    way: str
    fill: str
    prompt: bool
    short: float | None
    middle: float | None
    long: float | None
    all: float | None
    repeated: int
    cpu_ms: float


def errors_of(pairs: Iterable[tuple[str, str]]) -> WordErrors:
    """Sum the word errors of (said, heard) pairs."""
    return sum((word_errors(said, heard) for said, heard in pairs), WordErrors())


def measure_windows(
    model: "WhisperModel", heard: Sequence[LabelledRecording], margins: Sequence[int] = MARGINS
) -> list[WindowRow]:
    """Decode every recording with each window once, and last as the service does, with its retries.

    Args:
        model: a loaded faster-whisper model.
        heard: recordings with a known text.
        margins: margins to compare, in mel frames; `FULL_WINDOW` for 30 s.
    """
    rows = []
    for margin in margins:
        name = "30 s" if margin == FULL_WINDOW else f"margin {margin}"
        for fill, prompt in (("zeros", ""), ("silence", ""), ("silence", PROMPT)):
            short = ShortWindow(model, margin=margin, fill=zeros_of if fill == "zeros" else silence_of)
            rows.append(_row(name, fill, prompt, heard, _one_look(model, short, prompt)))
    short = ShortWindow(model)
    shipped = ((prompt, _as_shipped(model, short, prompt)) for prompt in ("", PROMPT))
    return rows + [_row("as shipped", "silence", prompt, heard, look) for prompt, look in shipped]


Look = Callable[[Float32Mono16k], Decoded]


def _one_look(model: "WhisperModel", short: ShortWindow, prompt: str) -> Look:
    def look(audio: Float32Mono16k) -> Decoded:
        decoded = short.one_look(_request(model, audio, prompt))
        assert decoded is not None
        return decoded

    return look


def _as_shipped(model: "WhisperModel", short: ShortWindow, prompt: str) -> Look:
    def look(audio: Float32Mono16k) -> Decoded:
        (decoded,) = short.decode([_request(model, audio, prompt)])
        assert decoded is not None
        return decoded

    return look


def _request(model: "WhisperModel", audio: Float32Mono16k, prompt: str) -> Request:
    return Request(audio, prompt, token_cap(len(audio), model.hf_tokenizer.get_vocab_size()), "en", lambda: False)


def _row(way: str, fill: str, prompt: str, heard: Sequence[LabelledRecording], look: Look) -> WindowRow:
    costs, by_length = [], dict[str, list[tuple[str, str]]](short=[], middle=[], long=[])
    repeated = 0
    for item in heard:
        begun = time.process_time()
        decoded = look(item.audio)
        costs.append(time.process_time() - begun)
        said, seconds = item.text or "", len(item.audio) / RATE_HZ
        repeated += decoded.is_broken or (repeats_itself(decoded.text) and not repeats_itself(said))
        by_length["short" if seconds <= SHORT_S else "middle" if seconds <= LONG_S else "long"].append(
            (said, decoded.text)
        )
    every = [pair for pairs in by_length.values() for pair in pairs]
    rates = {name: errors_of(pairs).rate if pairs else None for name, pairs in (by_length | {"all": every}).items()}
    return WindowRow(way, fill, bool(prompt), **rates, repeated=repeated, cpu_ms=statistics.mean(costs) * 1000)


def windows_table(rows: Sequence[WindowRow], title: str) -> Table:
    """Render the rows as a table."""
    lengths = (f"to {SHORT_S:g} s", f"to {LONG_S:g} s", "longer", "all")
    table = Table("window", "fill", "prompt", *lengths, "repeated", "CPU ms", title=title, title_justify="left")
    for row in rows:
        rates = ("" if rate is None else f"{rate:.1%}" for rate in (row.short, row.middle, row.long, row.all))
        prompted = "told" if row.prompt else ""
        table.add_row(row.way, row.fill, prompted, *rates, str(row.repeated), f"{row.cpu_ms:.0f}")
    return table
