"""The arithmetic of the benchmark."""

import pytest

from api.bench.turn import Spread, TurnTimes, busy_note, spread


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7], Spread(7, 7)),
        ([3, 1, 2], Spread(2, 3)),
        (list(range(1, 101)), Spread(50, 95)),
        ([10] * 19 + [900], Spread(10, 10)),
    ],
)
def test_median_and_95th_percentile_are_values_that_were_measured(values: list[float], expected: Spread) -> None:
    assert spread(values) == expected


@pytest.mark.parametrize(
    ("endpoint_ms", "voice_to_voice_ms", "above_ms"),
    [(500, 514, 14), (380, 400, 20), (800, 812, 312)],
    ids=["at the setting", "an early end", "a late transcript is not the silence's fault"],
)
def test_what_comes_on_top_of_the_endpoint_delay(endpoint_ms: int, voice_to_voice_ms: int, above_ms: int) -> None:
    assert TurnTimes(endpoint_ms, 2, 1, 9, voice_to_voice_ms, 0).above_endpoint_ms(500) == above_ms


def test_a_busy_machine_is_owned_up_to() -> None:
    assert busy_note(3.14, 2) == (
        "The machine was busy before the run (load 3.1 on 2 cores): expect less on a quiet one."
    )
    assert "quiet before the run (load 0.2 on 2 cores)" in busy_note(0.2, 2)
