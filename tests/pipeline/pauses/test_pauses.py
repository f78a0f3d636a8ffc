"""The pause corpus and its scores: the same for a seed, true to what was said, and played as a session plays it."""

import numpy as np
import pytest

from pipeline.pauses.corpus import LONGEST_MS, SHORTEST_MS, SpokenTurn, frames, pause_corpus
from pipeline.pauses.lines import REPORT, TUNING, lines
from pipeline.pauses.scores import HeardTurn, ends_of_turn, frontier, listen, ratio_range, score, timer
from pipeline.turn.actions import EndTurn
from pipeline.turn.events import Elapsed, Transcribed
from pipeline.turn.machine import Rules, Turn, step
from voice.audio.formats import FRAME, RATE_HZ
from voice.speech.endpointing import Endpointer, EndpointRules, SpeechPaused
from voice.speech.vad import SpeechDetector

CORPUS = list(pause_corpus(20, seed=3, part="tuning"))


def test_the_same_seed_makes_the_same_turns_and_another_makes_others() -> None:
    again = list(pause_corpus(20, seed=3, part="tuning"))
    for first, second in zip(CORPUS, again, strict=True):
        assert np.array_equal(first.audio, second.audio)
        assert first.text == second.text
    assert [turn.text for turn in pause_corpus(5, seed=4, part="tuning")] != [turn.text for turn in CORPUS[:5]]


def test_what_is_reported_was_not_tuned_on() -> None:
    assert not set(lines(TUNING)) & set(lines(REPORT))


@pytest.mark.parametrize("turn", CORPUS, ids=lambda turn: turn.text[:30])
def test_pauses_lie_where_they_say(turn: SpokenTurn) -> None:
    assert turn.audio.dtype == np.int16
    assert len(turn.audio) % FRAME == 0
    edges = [
        turn.begin,
        *[edge for pause in turn.pauses for edge in (pause.start, pause.end)],
        turn.end,
        len(turn.audio),
    ]
    assert edges == sorted(edges)
    level = np.mean(turn.audio[turn.begin : turn.begin + RATE_HZ // 5].astype(float) ** 2)
    for pause in turn.pauses:
        assert SHORTEST_MS <= pause.ms <= LONGEST_MS
        assert turn.text.startswith(pause.text)
        assert np.mean(turn.audio[pause.start : pause.end].astype(float) ** 2) < level
    assert 10 <= turn.snr_db <= 30


def frame_by_frame(turn: SpokenTurn, rules: Rules, transcript_frames: int) -> list[int]:
    """What a session does with every frame: the reference for the faster play."""
    detector, endpointer, state, ends = SpeechDetector(), Endpointer(), Turn(rules=rules), []
    waiting: list[tuple[int, int, str]] = []
    for number, frame in enumerate(frames(turn.audio), start=1):
        position = number * FRAME

        def feed(event: object, position: int = position) -> None:
            nonlocal state
            was_open = state.utterance_open
            state, actions = step(state, event, position)  # type: ignore[arg-type]
            ends.extend(position for action in actions if isinstance(action, EndTurn))
            if was_open and not state.utterance_open:
                endpointer.reset()

        while waiting and waiting[0][0] == number:
            _, revision, text = waiting.pop(0)
            feed(Transcribed(revision, text))
        for event in endpointer.push(detector.push(frame), position):
            feed(event)
            if isinstance(event, SpeechPaused):
                said = [pause.text for pause in turn.pauses if pause.start <= position]
                text = turn.text if position >= turn.end else (said or [""])[-1]
                waiting.append((number + transcript_frames, state.revision, text))
        if state.deadline is not None and position >= state.deadline and not endpointer.stirring(position):
            feed(Elapsed())
    return ends


@pytest.mark.parametrize("rules", [Rules(), timer(300), Rules(complete_ms=240, endpoint_ms=240, unfinished_ms=700)])
def test_the_play_ends_turns_where_a_session_does(rules: Rules) -> None:
    for turn in CORPUS[:8]:
        (heard,) = listen(turn, EndpointRules())
        assert ends_of_turn(heard, rules, 60) == frame_by_frame(turn, rules, 3), turn.text


def test_patience_trades_cut_offs_for_latency_and_words_make_it_cheaper() -> None:
    heard = [listen(turn, EndpointRules())[0] for turn in CORPUS]
    hasty, patient, shipped = (score(heard, rules) for rules in (timer(300), timer(1200), Rules()))
    assert hasty.cut_pauses > patient.cut_pauses
    assert hasty.mean_ms < patient.mean_ms
    assert shipped.cut_pauses < hasty.cut_pauses
    assert shipped.mean_ms < patient.mean_ms
    assert [found.rules for found in frontier([hasty, patient, hasty])] == [hasty.rules, patient.rules]


@pytest.mark.slow
def test_the_share_of_the_timers_cut_offs_lies_in_its_range_which_more_turns_narrow() -> None:
    heard = [listen(turn, EndpointRules())[0] for turn in CORPUS]

    def found(turns: list[HeardTurn]) -> tuple[float, float, float]:
        ours, timers = score(turns, Rules()), [score(turns, timer(ms)) for ms in (200, 400, 600, 900, 1300)]
        low, high = ratio_range(ours, timers, draws=100)
        plain = float(np.interp(ours.mean_ms, [one.mean_ms for one in timers], [one.cut_pauses for one in timers]))
        return low, ours.cut_pauses / plain, high

    low, ratio, high = found(heard)
    assert low <= ratio <= high
    surer_low, _, surer_high = found(4 * heard)
    assert surer_high - surer_low < high - low
