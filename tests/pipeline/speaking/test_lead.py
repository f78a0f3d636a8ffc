"""How far ahead of playback a client's audio is, by how steady its line is."""

import pytest

from pipeline.speaking.lead import LONGEST_LEAD_MS, SHORTEST_LEAD_MS, AdaptiveLead
from pipeline.speaking.ledger import Playback

RATE = 8000


def after(*off_ms: float) -> AdaptiveLead:
    line = AdaptiveLead()
    for off in off_ms:
        line.acknowledged(off)
    return line


@pytest.mark.parametrize(
    ("story", "off_ms", "least", "most"),
    [
        ("nothing is known of a line that says nothing", [], 300, 300),
        ("one acknowledgement proves little", [0], 250, 290),
        ("two seconds of steady ones prove it", [2, -2] * 10, 100, 110),
        ("a line that wavers by 20 ms keeps more", [20, -20] * 10, 140, 165),
        ("one that wavers by more than can be made up for keeps the most", [90, -90] * 10, 300, 300),
        ("a single stall on a steady line is answered at once", [0] * 30 + [60], 170, 190),
        ("and forgotten when it was the only one", [0] * 30 + [60] + [0] * 20, 100, 100),
        ("a client that tells nonsense gets the most", [1e9, -1e9], 300, 300),
    ],
)
def test_lead(story: str, off_ms: list[float], least: int, most: int) -> None:
    assert least <= after(*off_ms).lead_ms <= most


def test_blocks_leave_most_of_the_lead_with_the_client() -> None:
    for line in (after(), after(*[0] * 30), after(*[20] * 20)):
        assert line.block_ms <= line.lead_ms * 0.4
        assert line.block_ms % 20 == 0
        assert 20 <= line.block_ms <= 100


def test_what_leaves_late_lengthens_the_lead_and_what_leaves_in_time_proves_nothing() -> None:
    line = after(*[0] * 30)
    line.late(0.5)
    assert line.lead_ms == SHORTEST_LEAD_MS
    line.late(40)
    assert line.lead_ms > SHORTEST_LEAD_MS
    unknown = AdaptiveLead()
    for _ in range(100):
        unknown.late(0)
    assert unknown.lead_ms == LONGEST_LEAD_MS


@pytest.mark.parametrize(("fixed_ms", "block_ms"), [(20, 20), (60, 20), (100, 40), (300, 100), (2_000, 100)])
def test_a_fixed_lead_holds_whatever_the_line_is_like(fixed_ms: int, block_ms: int) -> None:
    line = AdaptiveLead()
    line.fixed_ms = fixed_ms
    for off in (0, 90, -90, 1e9):
        line.acknowledged(off)
        line.late(off)
        assert (line.lead_ms, line.block_ms) == (fixed_ms, block_ms)
    line.forget()
    assert line.lead_ms == fixed_ms, "of another connection too, until that one says otherwise"


def test_another_line_is_not_trusted_for_the_last_one() -> None:
    line = after(*[0] * 30)
    line.forget()
    assert line.lead_ms == LONGEST_LEAD_MS


def test_an_acknowledgement_is_compared_with_what_the_last_one_promised() -> None:
    playback = Playback(RATE)
    playback.send(RATE, 0.0)
    assert playback.played(0, 0.08) is None, "the first tells how long the way is, and nothing of its steadiness"
    assert playback.played(RATE // 10, 0.18) == pytest.approx(0, abs=1)
    assert playback.played(RATE // 10, 0.23) == pytest.approx(-0.05 * RATE, abs=1), "it stood still for 50 ms"


def test_a_client_that_had_nothing_to_play_is_not_called_unsteady() -> None:
    playback = Playback(RATE)
    playback.send(RATE // 10, 0.0)
    playback.played(RATE // 20, 0.05)
    playback.send(RATE // 10, 0.5)  # it ran dry in between, and begins again a little later
    assert playback.played(RATE // 10, 0.53) is None
    playback.rewind(0.54)
    playback.send(RATE // 10, 0.6)
    assert playback.played(RATE // 10, 0.61) is None
