"""Where silence stands in for audio: rows of what came, when, and what of it was missing."""

import pytest

from pipeline.call.audio_clock import AudioClock, Gaps
from voice.audio.formats import AudioFormat
from voice.errors import UnsupportedFormat

TELEPHONE = AudioFormat("mulaw", 8_000)
PACKET = 160


def heard(came: list[tuple[float, float | None]], gaps: Gaps | None = None) -> list[int]:
    """The silence before each packet of 20 ms, that came at this second with this timestamp."""
    clock = AudioClock(gaps or Gaps(), TELEPHONE, 0.0)
    return [clock.heard(PACKET, at_ms, now) for now, at_ms in came]


@pytest.mark.parametrize(
    ("stamps", "missing"),
    [
        ([0, 20, 40], [0, 0, 0]),
        ([5, 25, 45], [0, 0, 0]),
        ([0, 20, 60], [0, 0, 20]),
        ([0, 20, 100, 120], [0, 0, 60, 0]),
        ([0, 30, 60, 90], [0, 0, 20, 0]),
        ([0, 20, 10, 40], [0, 0, 0, 0]),
        ([0, 20, 20_000, 20_020], [0, 0, 0, 0]),
        ([50_000, 50_020, 0, 20, 60], [0, 0, 0, 0, 20]),
        ([None, None, None], [0, 0, 0]),
        ([None, 0, 40], [0, 0, 20]),
    ],
    ids=[
        *("whole", "begins anywhere", "one left out", "three left out", "parts of a packet add up", "out of order"),
        *("a jump is a new clock", "a clock begins anew", "no timestamps", "timestamps from the second on"),
    ],
)
def test_timestamps_tell_what_was_left_out(stamps: list[float | None], missing: list[int]) -> None:
    assert heard([(number * 0.02, at_ms) for number, at_ms in enumerate(stamps)]) == missing


def test_silence_is_due_when_audio_is_too_late_and_then_every_20_ms() -> None:
    clock = AudioClock(Gaps(late_ms=40), TELEPHONE, 0.0)
    clock.heard(PACKET, None, 1.0)
    assert clock.wait_s(1.0) == pytest.approx(0.06)
    assert clock.wait_s(1.06) == pytest.approx(0.0)
    assert clock.silence() == 20
    assert clock.wait_s(1.06) == pytest.approx(0.02)


def test_a_second_at_once_is_good_for_a_second() -> None:
    clock = AudioClock(Gaps(), TELEPHONE, 0.0)
    clock.heard(50 * PACKET, None, 1.0)
    assert clock.wait_s(1.0) == pytest.approx(1.04)


def test_silence_by_real_time_counts_against_what_timestamps_tell_later() -> None:
    clock = AudioClock(Gaps(), TELEPHONE, 0.0)
    clock.heard(PACKET, 0, 0.0)
    for _ in range(5):
        clock.silence()
    assert clock.heard(PACKET, 200, 0.2) == 80, "180 were missing, 100 had been given"
    assert clock.heard(PACKET, 220, 0.2) == 0


@pytest.mark.parametrize(
    ("wire", "size"),
    [(AudioFormat("pcm16", 16_000), 640), (AudioFormat("pcm16", 24_000, 2), 1_920), (AudioFormat("alaw", 8_000), 160)],
)
def test_the_length_of_audio_follows_from_its_format(wire: AudioFormat, size: int) -> None:
    clock = AudioClock(Gaps(), TELEPHONE, 0.0)
    clock.take_format(wire)
    clock.heard(size, 0, 0.0)
    assert clock.heard(size, 20, 0.02) == 0
    assert clock.heard(size, 60, 0.04) == 20


@pytest.mark.parametrize("encoding", ["opus", "container"])
def test_a_length_that_does_not_show_cannot_be_counted(encoding: str) -> None:
    with pytest.raises(UnsupportedFormat, match="use pcm16, mulaw or alaw"):
        AudioClock(Gaps(), AudioFormat(encoding, 16_000), 0.0)  # type: ignore[arg-type]
