"""When to recognise, by what it costs: as ever where it is cheap, seldom and early where it is not."""

import pytest

from pipeline.hearing.pace import HearingPace
from voice.work.workers import Pressure

MS = 16


def pace(
    partials_s: list[float], transcripts_s: list[float], every_ms: int = 300, soonest_ms: int | None = 350
) -> HearingPace:
    chosen = HearingPace(every=every_ms * MS, eager=180 * MS, soonest=None if soonest_ms is None else soonest_ms * MS)
    for seconds in partials_s:
        chosen.partial_took(seconds)
    for seconds in transcripts_s:
        chosen.transcript_took(seconds)
    return chosen


@pytest.mark.parametrize(
    ("story", "partials_s", "transcripts_s", "every_ms", "look_ms"),
    [
        ("nothing is known yet", [], [], 300, None),
        ("a transcript costs nothing", [0.0], [0.0], 300, None),
        ("after the eager silence it is in time", [0.1], [0.12], 300, None),
        ("a look 70 ms earlier is in time", [0.1], [0.19], 300, 110),
        ("it is late whatever is done", [0.27], [0.45], 540, 60),
        ("only partials are known yet", [0.2], [], 400, 100),
        ("one slow transcript is not the rule", [0.1], [0.1, 0.2], 300, 170),
        ("the machine is free again", [0.8] + [0.1] * 20, [0.8] + [0.1] * 20, 300, None),
    ],
)
def test_the_cost_decides(
    story: str, partials_s: list[float], transcripts_s: list[float], every_ms: int, look_ms: int | None
) -> None:
    chosen = pace(partials_s, transcripts_s)
    assert chosen.partial_after(first=False) == every_ms * MS, story
    assert chosen.partial_after(first=True) == 300 * MS, story
    assert chosen.look_after == (look_ms and look_ms * MS), story


@pytest.mark.parametrize(
    ("story", "partial_s", "load", "every_ms"),
    [
        ("cheap ones come as often as ever, however much there is to do", 0.05, 1.0, 300),
        ("half of the hands are free", 0.27, 0.5, 540),
        ("all hands are full: a quarter of the time", 0.27, 1.0, 1080),
        ("and in between as much less as there is to do", 0.27, 0.75, 810),
    ],
)
def test_the_more_there_is_to_do_the_less_time_partials_take(
    story: str, partial_s: float, load: float, every_ms: int
) -> None:
    chosen = pace([partial_s], [])
    assert chosen.partial_after(first=False, pressure=Pressure(load)) == every_ms * MS, story
    assert chosen.partial_after(first=True, pressure=Pressure(load)) == 300 * MS, story


def test_while_a_transcript_waits_there_are_no_partials() -> None:
    chosen = pace([0.05], [0.05])
    for first in (True, False):
        assert chosen.partial_after(first=first, pressure=Pressure(0.1, final_waits_s=0.11)) is None
        assert chosen.partial_after(first=first, pressure=Pressure(1.0, final_waits_s=0.09)) == 300 * MS


def test_no_partials_stay_none() -> None:
    none = pace([2.0], [], every_ms=0)
    assert none.partial_after(first=True) is none.partial_after(first=False) is None


def test_where_silence_ends_no_turn_there_is_nothing_to_be_early_for() -> None:
    assert pace([0.5], [0.5], soonest_ms=None).look_after is None


def test_without_a_pace_partials_come_as_often_as_ever_whatever_they_cost() -> None:
    always = HearingPace(every=300 * MS, eager=180 * MS, soonest=350 * MS, paced=False)
    always.partial_took(2.0)
    for first in (True, False):
        assert always.partial_after(first=first, pressure=Pressure(1.0, final_waits_s=3.0)) == 300 * MS
    paced = pace([2.0], [])
    assert paced.partial_after(first=False) == 4000 * MS
    paced.take(always)
    assert paced.partial_after(first=False) == 300 * MS
