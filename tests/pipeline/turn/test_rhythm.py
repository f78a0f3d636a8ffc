"""How long a dictation is waited on: by what is missing, and by the caller's own pauses."""

import pytest

from pipeline.turn.dictated import Dictation
from pipeline.turn.end_of_turn import Verdict
from pipeline.turn.machine import Rules
from tests.pipeline.turn_story import ms


@pytest.mark.parametrize(
    ("verdict", "dictated", "pauses_ms", "patience_ms"),
    [
        (Verdict.UNFINISHED, Dictation.GOES_ON, (), 1400),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (), 550),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (700,), 1225),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (700, 600), 980),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (250, 700, 200, 640), 980),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (300, 700), 1225),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (500, 700), 1225),
        (Verdict.UNFINISHED, Dictation.ANY_LENGTH, (1200,), 1400),
        (Verdict.UNFINISHED, Dictation.MAY_GO_ON, (), 950),
        (Verdict.COMPLETE, Dictation.WHOLE, (), 350),
        (Verdict.COMPLETE, Dictation.WHOLE, (450,), 540),
        (Verdict.COMPLETE, Dictation.WHOLE, (900,), 550),
        (Verdict.UNSURE, Dictation.PERHAPS_WHOLE, (), 500),
        (Verdict.UNSURE, Dictation.PERHAPS_WHOLE, (900,), 550),
        (Verdict.COMPLETE, None, (900,), 350),
        (Verdict.UNSURE, None, (900,), 500),
    ],
)
def test_patience_follows_the_callers_rhythm(
    verdict: Verdict, dictated: Dictation | None, pauses_ms: tuple[int, ...], patience_ms: int
) -> None:
    assert Rules().patience(verdict, dictated, pauses=tuple(map(ms, pauses_ms))) == ms(patience_ms)


def test_the_rhythm_adds_little_to_what_was_chosen() -> None:
    rules = Rules(endpoint_ms=900, complete_ms=300, unfinished_ms=900)
    for dictated in Dictation:
        for verdict in Verdict:
            assert rules.patience(verdict, dictated, pauses=(ms(5000),)) <= ms(950)
