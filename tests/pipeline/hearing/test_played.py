"""The model of the client's player: what is played while a frame of its microphone is recorded."""

import numpy as np
import pytest

from pipeline.conversation.events import ReplyAudio, ReplyCleared
from pipeline.hearing.played import LATE_S, PlayedAudio


def block(value: int, milliseconds: int, rate_hz: int = 16_000) -> ReplyAudio:
    return ReplyAudio(1, 1, 0, milliseconds, "", np.full(milliseconds * rate_hz // 1000, value, np.int16))


def test_what_is_sent_is_played_at_the_pace_of_the_microphone() -> None:
    played = PlayedAudio(16_000)
    assert not played.frame(0.0).any()
    played.note(block(1, 40), 0.0)
    played.note(block(2, 30), 0.01)
    found = [played.frame(0.02 * number) for number in range(1, 6)]
    assert [set(frame) for frame in found] == [{1}, {1}, {2}, {2, 0}, {0}]
    assert all(frame.shape == (320,) for frame in found)


def test_what_begins_within_a_frame_is_played_for_its_rest() -> None:
    played = PlayedAudio(16_000)
    played.note(block(1, 40), 0.015)
    found = np.concatenate([played.frame(0.02 * number) for number in range(1, 5)])
    assert np.flatnonzero(found)[[0, -1]] == pytest.approx([240, 240 + 639], abs=1)


def test_what_the_client_discards_is_not_played() -> None:
    played = PlayedAudio(16_000)
    played.note(block(1, 300), 0.0)
    assert played.frame(0.02).any()
    played.note(ReplyCleared(1, 20, ""), 0.03)
    assert not played.frame(0.04).any()


def test_what_was_played_while_no_frames_came_is_over() -> None:
    played = PlayedAudio(16_000)
    played.note(block(1, 500), 0.0)
    played.note(block(2, 500), 0.0)
    assert set(played.frame(LATE_S)) == {1}, "frames may come late, and together"
    assert set(played.frame(0.7)) == {2}
    assert not played.frame(2.0).any()


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_every_rate_is_played_as_long(rate_hz: int) -> None:
    played = PlayedAudio(rate_hz)
    for number in range(50):
        played.note(block(1000, 20, rate_hz), 0.02 * number)
    found = [played.frame(0.3) for _ in range(60)]
    assert sum(bool(frame.any()) for frame in found) in (49, 50, 51)
