"""Scores of endpointing on turns with known ends: false cut-offs, and latency at the end of the turn.

Runs the production code: SpeechDetector, Endpointer and the turn machine, fed as a session feeds them. The detector
runs once per turn; the rules are then evaluated on its output, as often as a sweep needs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.pauses.corpus import REST_MS, SpokenTurn, frames
from pipeline.turn.actions import Action, EndTurn
from pipeline.turn.events import Elapsed, Event, Transcribed
from pipeline.turn.machine import Rules, Turn, samples, step
from voice.audio.formats import FRAME, RATE_HZ
from voice.speech.endpointing import (
    Endpointer,
    EndpointRules,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from voice.speech.vad import SpeechDetector

TRANSCRIPT_MS = 60
"""Assumed latency of a transcript after a pause was detected, in ms. A silence timer needs none."""

LEAST_PAUSE_MS = 200
"""Shorter pauses are not scored, as in eot-bench: nobody would start to speak in them."""


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """The output of the detector and the endpointer for a turn.

    Attributes:
        turn: the turn.
        events: the speech events, each with the position of its frame.
        calm: for each frame, the next frame without possible onset of speech in a pause.
        texts: the transcript at each `SpeechPaused` event, by position.
        prosodies, endings: the probability that the turn is over at each of them, by prosody and by a model; empty
            without them.
    """

    turn: SpokenTurn
    events: tuple[tuple[int, SpeechEvent], ...]
    calm: NDArray[np.int64]
    texts: dict[int, str]
    prosodies: dict[int, float | None] = field(default_factory=dict)
    endings: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one setting of the rules on a corpus.

    Attributes:
        rules: the setting.
        cut_pauses: share of the pauses of at least 200 ms in which the turn was ended (false cut-offs).
        cut_turns: share of the turns that were ended too early.
        latency_ms: from the end of speech to the end of the turn, for each turn that was not ended too early.
        by_turn: per turn its pauses, those cut off, and its latency (NaN without one), shape (turns, 3).
    """

    rules: Rules
    cut_pauses: float
    cut_turns: float
    latency_ms: tuple[int, ...]
    by_turn: NDArray[np.float64] = field(repr=False, compare=False)

    @property
    def mean_ms(self) -> float:
        """Mean latency; the longest that is measured if every turn was ended too early."""
        return float(np.mean(self.latency_ms or (REST_MS,)))

    @property
    def median_ms(self) -> float:
        """Median latency; likewise."""
        return float(np.median(self.latency_ms or (REST_MS,)))


def listen(turn: SpokenTurn, *endpoints: EndpointRules) -> list[HeardTurn]:
    """Run the detector over a turn, and an endpointer for each of the rules, with perfect transcripts."""
    detector = SpeechDetector()
    return _followed(turn, [detector.push(frame) for frame in frames(turn.audio)], endpoints)


def _followed(turn: SpokenTurn, probabilities: list[float], endpoints: Iterable[EndpointRules]) -> list[HeardTurn]:
    heard = []
    for rules in endpoints:
        endpointer = Endpointer(rules)
        events: list[tuple[int, SpeechEvent]] = []
        stirring = []
        for number, probability in enumerate(probabilities, start=1):
            position = number * FRAME
            events += [(position, event) for event in endpointer.push(probability, position)]
            stirring.append(endpointer.stirring(position))
        texts = {at: known_text(turn, at) for at, event in events if isinstance(event, SpeechPaused)}
        heard.append(HeardTurn(turn, tuple(events), _next_calm(stirring), texts))
    return heard


def _next_calm(stirring: list[bool]) -> NDArray[np.int64]:
    places = np.where(stirring, len(stirring), np.arange(len(stirring)))
    return np.minimum.accumulate(places[::-1])[::-1]


def known_text(turn: SpokenTurn, position: int) -> str:
    """Return the text spoken completely by this position."""
    if position >= turn.end:
        return turn.text
    return next((pause.text for pause in reversed(turn.pauses) if pause.start <= position), "")


def ends_of_turn(heard: HeardTurn, rules: Rules, transcript_ms: int = TRANSCRIPT_MS) -> list[int]:
    """Return the positions at which the rules end the turn; later speech continues the turn, as in a call."""
    state, ends = Turn(rules=rules), list[int]()
    coming: list[tuple[int, Event]] = []  # pending transcripts
    length = len(heard.calm) * FRAME
    queue = list(heard.events)
    position = 0

    def feed(event: Event) -> None:
        nonlocal state
        actions: list[Action]
        state, actions = step(state, event, position)
        ends.extend(position for action in actions if isinstance(action, EndTurn))

    while True:
        due = _first_calm_frame(heard, state.deadline, position) if state.deadline is not None else length + 1
        next_event = queue[0][0] if queue else length + 1
        next_text = coming[0][0] if coming else length + 1
        position = min(due, next_event, next_text)
        if position > length:
            return ends
        if next_text == position:
            feed(coming.pop(0)[1])
        elif next_event == position:
            found = queue.pop(0)[1]
            feed(_anew(found) if not state.utterance_open else found)
            if isinstance(found, SpeechPaused):
                arrival = position + samples(transcript_ms)
                votes = heard.prosodies.get(position), heard.endings.get(position)
                coming.append((arrival, Transcribed(state.revision, heard.texts[position], "", *votes)))
        else:
            feed(Elapsed())


def _anew(event: SpeechEvent) -> SpeechEvent:
    """Convert an event after the end of a turn, where the session resets the endpointer: speech starts anew."""
    return SpeechStarted(event.at) if isinstance(event, SpeechResumed) else event


def _first_calm_frame(heard: HeardTurn, deadline: int, position: int) -> int:
    """Return the end of the first frame at or after the deadline without a possible onset of speech."""
    frame = max(-(-deadline // FRAME), position // FRAME, 1)
    return (int(heard.calm[frame - 1]) + 1 if frame <= len(heard.calm) else frame) * FRAME


def score(corpus: Sequence[HeardTurn], rules: Rules, transcript_ms: int = TRANSCRIPT_MS) -> Score:
    """Score one setting; see `ends_of_turn`. A silence timer needs no transcript."""
    plain = rules.complete_ms == rules.endpoint_ms == rules.unfinished_ms
    by_turn = np.full((len(corpus), 3), np.nan)
    cut_turns = 0
    for row, heard in zip(by_turn, corpus, strict=True):
        turn, ends = heard.turn, ends_of_turn(heard, rules, 0 if plain else transcript_ms)
        counted = [pause for pause in turn.pauses if pause.ms >= LEAST_PAUSE_MS]
        row[:2] = len(counted), sum(any(_inside(end, pause.start, pause.end) for end in ends) for pause in counted)
        cut_turns += any(end < turn.end for end in ends)
        if not ends:
            row[2] = REST_MS
        elif ends[-1] >= turn.end:
            row[2] = (ends[-1] - turn.end) * 1000 // RATE_HZ
    pauses, cut_pauses = by_turn[:, :2].sum(axis=0)
    latency = tuple(int(ms) for ms in by_turn[:, 2] if not np.isnan(ms))
    return Score(rules, float(cut_pauses / max(1, pauses)), cut_turns / len(corpus), latency, by_turn)


def _inside(end: int, start: int, stop: int) -> bool:
    """Return whether the turn was ended in this pause, or before the speech after it was confirmed."""
    return start <= end <= stop + samples(EndpointRules().start_ms)


# ------------------------------------------------------------------- policies

TIMER_MS = range(100, 1651, 50)
COMPLETE_MS = (120, 160, 200, 240, 280, 320, 360, 400, 450, 500, 600, 700, 850, 1000, 1200, 1400)
UNSURE_TIMES = (1.0, 1.3, 1.7, 2.2)
UNFINISHED_MS = (1000, 1300, 1600)


def timer(silence_ms: int) -> Rules:
    """Return the rules of a silence timer: the same endpoint delay for every text."""
    return Rules(endpoint_ms=silence_ms, complete_ms=silence_ms, unfinished_ms=silence_ms)


def settings() -> Iterable[Rules]:
    """Yield the settings of a sweep over the three endpoint delays."""
    for complete_ms in COMPLETE_MS:
        for times in UNSURE_TIMES:
            endpoint_ms = round(complete_ms * times)
            for unfinished_ms in UNFINISHED_MS:
                if unfinished_ms >= endpoint_ms:
                    yield Rules(endpoint_ms=endpoint_ms, complete_ms=complete_ms, unfinished_ms=unfinished_ms)


def frontier(scores: Iterable[Score]) -> list[Score]:
    """Return the Pareto frontier of latency and cut-offs, sorted by latency."""
    best: list[Score] = []
    for candidate in sorted(scores, key=lambda score: (score.mean_ms, score.cut_pauses)):
        if not best or candidate.cut_pauses < best[-1].cut_pauses:
            best.append(candidate)
    return best


def cut_at(curve: Sequence[Score], latency_ms: float) -> Score | None:
    """Return the setting of a frontier with the fewest cut-offs within a budget of mean latency."""
    return next((score for score in reversed(curve) if score.mean_ms <= latency_ms), None)


def cut_at_median(scores: Iterable[Score], latency_ms: float) -> Score | None:
    """Return the setting with the fewest cut-offs within a budget of median latency, robust to a few noisy turns."""
    within = [score for score in scores if score.median_ms <= latency_ms]
    return min(within, key=lambda score: score.cut_pauses, default=None)


def latency_at(curve: Sequence[Score], cut_pauses: float) -> Score | None:
    """Return the fastest setting of a frontier with at most this share of cut-off pauses."""
    return next((score for score in curve if score.cut_pauses <= cut_pauses), None)


def at_latency(curve: Sequence[Score], latency_ms: float) -> float:
    """Return the share of cut-off pauses at this mean latency, interpolated on a frontier."""
    return float(np.interp(latency_ms, [score.mean_ms for score in curve], [score.cut_pauses for score in curve]))


def ratio_range(ours: Score, timers: Sequence[Score], draws: int = 500) -> tuple[float, float]:
    """Return the 95 % confidence interval of the cut-offs relative to the timer's at the same mean latency.

    A bootstrap: resamples the turns with replacement, deterministically.
    """
    chance = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        drawn = chance.integers(len(ours.by_turn), size=len(ours.by_turn))
        means, shares = zip(*(_again(score.by_turn[drawn]) for score in timers), strict=True)
        mean_ms, share = _again(ours.by_turn[drawn])
        found.append(share / max(1e-9, float(np.interp(mean_ms, means, shares))))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def _again(by_turn: NDArray[np.float64]) -> tuple[float, float]:
    pauses, cut_pauses, _ = by_turn.sum(axis=0)
    latency = by_turn[~np.isnan(by_turn[:, 2]), 2]
    return float(latency.mean()) if len(latency) else float(REST_MS), float(cut_pauses / max(1, pauses))


def with_texts(heard: HeardTurn, texts: dict[int, str]) -> HeardTurn:
    """Return the same turn with other transcripts."""
    return replace(heard, texts=texts)
