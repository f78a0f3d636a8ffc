"""`glow bench turns`: quality of endpointing on synthesized turns with pauses, compared with a silence timer."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from api.bench.turns_people import bench_people_turns
from api.bench.turns_plot import curve_plot
from pipeline.pauses.corpus import LONGEST_MS, SHORTEST_MS, SNR_DB, pause_corpus
from pipeline.pauses.scores import (
    LEAST_PAUSE_MS,
    TIMER_MS,
    TRANSCRIPT_MS,
    HeardTurn,
    Score,
    at_latency,
    cut_at,
    cut_at_median,
    frontier,
    latency_at,
    listen,
    ratio_range,
    score,
    settings,
    timer,
    with_texts,
)
from pipeline.turn.machine import Rules
from voice.audio.formats import float32_of
from voice.speech.endpointing import EndpointRules, SpeechPaused
from voice.stt.sphinx.engine import PocketSphinx

LATENCY_MS = (300, 600)
CUT_OFFS = (0.05, 0.10)
EAGER_MS = 80
"""Pause detection in the sweep, in ms: early enough to reach short budgets."""

GOAL = 0.5


@dataclass(frozen=True, slots=True)
class Curves:
    """The sweep over a set of turns, its Pareto frontiers, and the default settings."""

    turns: int
    pauses: int
    all_ours: list[Score]
    all_plain: list[Score]
    ours: list[Score]
    plain: list[Score]
    default: Score

    @property
    def plain_at_default(self) -> float:
        """The timer's cut-off rate at the mean latency of the default settings."""
        return at_latency(self.plain, self.default.mean_ms)

    @property
    def ratio(self) -> float:
        """The cut-off rate of the default settings relative to the timer's at the same mean latency."""
        return self.default.cut_pauses / max(1e-9, self.plain_at_default)

    @property
    def ratio_range(self) -> tuple[float, float]:
        """The 95 % confidence interval of the ratio."""
        return ratio_range(self.default, self.all_plain)


def bench_turns(
    console: Console,
    *,
    turns: int,
    seed: int,
    recognised: int,
    audio: Path | None = None,
    as_json: bool,
    out: Path | None,
    svg: Path | None,
) -> None:
    """Generate the corpus, run the detectors, sweep the rules and report.

    Args:
        turns: number of turns.
        seed: random seed of the turns.
        recognised: number of the recorded turns that PocketSphinx transcribes, too.
        audio: directory of recordings of people, to be measured instead (see `bench_people_turns`).
        as_json: print JSON instead of the report.
        out, svg: files for the report and the plot; if both are given, the report includes the plot.
    """
    if audio is not None:
        bench_people_turns(console, audio=audio, as_json=as_json, out=out)
        return
    began = time.monotonic()
    with console.status("Synthesizing and listening..."):
        corpus = list(pause_corpus(turns, seed))
        heard = [listen(turn, EndpointRules(pause_ms=EAGER_MS), EndpointRules()) for turn in corpus]
        eager, usual = [both[0] for both in heard], [both[1] for both in heard]
    with console.status("Sweeping..."):
        known = _curves(eager, usual)
    spoken: tuple[Curves, Curves] | None = None
    chosen = [number for number, turn in enumerate(corpus) if turn.recorded][:recognised]
    if chosen:
        some, known_some = [eager[number] for number in chosen], [usual[number] for number in chosen]
        with console.status("Transcribing..."):
            spoken = _curves(some, known_some), _curves(some, _recognised(known_some))
    seconds = time.monotonic() - began
    if svg is not None:
        svg.write_text(curve_plot(known.ours, known.plain, known.default), encoding="utf-8")
    picture = svg.name if svg is not None and out is not None else None
    report = "\n".join(_report(known, spoken, seed, seconds, picture)) + "\n"
    if out is not None:
        out.write_text(report, encoding="utf-8")
    if as_json:
        console.print_json(json.dumps(_result(known, spoken, seed, seconds)))
    else:
        console.print(Text(report), soft_wrap=True)


def _curves(eager: Sequence[HeardTurn], usual: Sequence[HeardTurn]) -> Curves:
    pauses = sum(pause.ms >= LEAST_PAUSE_MS for heard in eager for pause in heard.turn.pauses)
    ours = [score(eager, rules) for rules in settings()]
    plain = [score(eager, timer(silence_ms)) for silence_ms in TIMER_MS]
    return Curves(len(eager), pauses, ours, plain, frontier(ours), frontier(plain), score(usual, Rules()))


def _recognised(corpus: Sequence[HeardTurn]) -> list[HeardTurn]:
    """Return the turns with PocketSphinx's transcripts of the noisy audio up to each pause."""
    engine = PocketSphinx()
    heard = []
    for turn in corpus:
        positions = [position for position, event in turn.events if isinstance(event, SpeechPaused)]
        texts = {at: engine.transcribe(float32_of(turn.turn.audio[:at])).text for at in positions}
        heard.append(with_texts(turn, texts))
    return heard


# ---------------------------------------------------------------------- report


def _report(
    known: Curves, spoken: tuple[Curves, Curves] | None, seed: int, seconds: float, picture: str | None
) -> Iterator[str]:
    yield "# Ends of turns, measured"
    yield ""
    yield (
        f"{known.turns} synthesized turns (seed {seed}) with {known.pauses} pauses of {LEAST_PAUSE_MS} ms or more "
        f"inside ({SHORTEST_MS} to {LONGEST_MS} ms, evenly on a logarithmic scale), in white noise, pink noise or "
        f"babble {SNR_DB[0]:g} to {SNR_DB[1]:g} dB under the speech."
    )
    yield (
        "**The voices are synthetic** (eSpeak NG, and recordings of Flite joined together): they carry no hesitation "
        "in their melody, and where they pause was drawn by lot. Read the numbers as a comparison on the same audio, "
        "not as what people would experience."
    )
    yield ""
    yield (
        "A false cut-off is a pause in which the turn was ended; latency runs from the last sound of the turn to its "
        "end, noise and detector included. Transcripts at the pauses are known here, without punctuation, "
        f"{TRANSCRIPT_MS} ms after the silence was noticed."
    )
    yield ""
    yield from _table(known)
    yield ""
    yield from _defaults(known)
    if picture is not None:
        yield ""
        yield f"![False cut-offs against latency]({picture})"
    if spoken is not None:
        oracle, real = spoken
        yield ""
        yield "## With a real recogniser"
        yield ""
        yield (
            f"PocketSphinx on {real.turns} of the recorded turns ({real.pauses} pauses), in their noise. Its errors "
            "reach the rules; the known transcripts of the same turns are beside it."
        )
        yield ""
        yield "| the product's own limits | known transcripts | PocketSphinx | silence timer at the same latency |"
        yield "|---|---:|---:|---:|"
        yield (
            f"| false cut-offs | {_percent(oracle.default.cut_pauses)} | {_percent(real.default.cut_pauses)} | "
            f"{_percent(real.plain_at_default)} |"
        )
        yield (
            f"| mean latency | {oracle.default.mean_ms:.0f} ms | {real.default.mean_ms:.0f} ms | "
            f"{real.default.mean_ms:.0f} ms |"
        )
    yield ""
    yield f"Measured in {seconds:.0f} s."


def _table(curves: Curves) -> Iterator[str]:
    yield "| best setting within a budget | text rules | silence timer | text rules / timer |"
    yield "|---|---:|---:|---:|"
    for budget in LATENCY_MS:
        for kind, ours, plain in (
            ("mean", cut_at(curves.ours, budget), cut_at(curves.plain, budget)),
            ("median", cut_at_median(curves.all_ours, budget), cut_at_median(curves.all_plain, budget)),
        ):
            shares = [_percent(found.cut_pauses) if found else "–" for found in (ours, plain)]
            ratio = f"{ours.cut_pauses / max(1e-9, plain.cut_pauses):.2f}" if ours and plain else "–"
            yield f"| false cut-offs at {budget} ms {kind} latency | {shares[0]} | {shares[1]} | {ratio} |"
    for share in CUT_OFFS:
        ours, plain = latency_at(curves.ours, share), latency_at(curves.plain, share)
        waits = [f"{found.mean_ms:.0f} ms" if found else "–" for found in (ours, plain)]
        ratio = f"{ours.mean_ms / max(1.0, plain.mean_ms):.2f}" if ours and plain else "–"
        yield f"| mean latency at {share:.0%} false cut-offs | {waits[0]} | {waits[1]} | {ratio} |"
    yield ""
    yield "A dash: no setting reaches it."


def _defaults(curves: Curves) -> Iterator[str]:
    rules, default = curves.default.rules, curves.default
    yield (
        f"The product's own limits ({rules.complete_ms} ms after a complete text, {rules.endpoint_ms} ms when unsure, "
        f"{rules.unfinished_ms} ms after an unfinished one) cut off {_percent(default.cut_pauses)} of the pauses and "
        f"{_percent(default.cut_turns)} of the turns, at {default.mean_ms:.0f} ms mean and {default.median_ms:.0f} ms "
        f"median latency. A silence timer as slow on average cuts off {_percent(curves.plain_at_default)}."
    )
    met = "met" if curves.ratio <= GOAL else f"missed by {curves.ratio - GOAL:.2f}"
    low, high = curves.ratio_range
    sure = "" if high <= GOAL or low > GOAL else ", not for certain: more turns, or another seed, may turn it"
    yield (
        f"That is {curves.ratio:.2f} of the timer's (95 % interval {low:.2f} to {high:.2f}); the goal, at most half, "
        f"is {met}{sure}."
    )


def _result(known: Curves, spoken: tuple[Curves, Curves] | None, seed: int, seconds: float) -> dict[str, object]:
    result: dict[str, object] = {"voices": "synthetic", "seed": seed, "seconds": round(seconds, 1)}
    result["known_transcripts"] = _numbers(known)
    if spoken is not None:
        result["recorded_turns"] = {"known_transcripts": _numbers(spoken[0]), "pocketsphinx": _numbers(spoken[1])}
    return result


def _numbers(curves: Curves) -> dict[str, object]:
    def point(found: Score | None) -> dict[str, object] | None:
        if found is None:
            return None
        rules = found.rules
        return {
            "cut_pauses": round(found.cut_pauses, 4),
            "cut_turns": round(found.cut_turns, 4),
            "mean_ms": round(found.mean_ms),
            "median_ms": round(found.median_ms),
            "p95_ms": round(float(np.percentile(found.latency_ms, 95))),
            "limits_ms": [rules.complete_ms, rules.endpoint_ms, rules.unfinished_ms],
        }

    named = {"text_rules": curves.ours, "silence_timer": curves.plain}
    return {
        "turns": curves.turns,
        "pauses": curves.pauses,
        "at_latency_ms": {
            str(ms): {name: point(cut_at(curve, ms)) for name, curve in named.items()} for ms in LATENCY_MS
        },
        "at_median_ms": {
            str(ms): {
                "text_rules": point(cut_at_median(curves.all_ours, ms)),
                "silence_timer": point(cut_at_median(curves.all_plain, ms)),
            }
            for ms in LATENCY_MS
        },
        "at_cut_offs": {
            str(share): {name: point(latency_at(curve, share)) for name, curve in named.items()} for share in CUT_OFFS
        },
        "default": point(curves.default),
        "timer_cut_pauses_at_default_latency": round(curves.plain_at_default, 4),
        "ratio": round(curves.ratio, 3),
        "ratio_range": [round(end, 3) for end in curves.ratio_range],
        "curves": {name: [point(found) for found in curve] for name, curve in named.items()},
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
