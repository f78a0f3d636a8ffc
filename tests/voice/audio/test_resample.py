import numpy as np
import pytest

from tests.voice.sound import tone
from voice.audio.resample import Resampler, resample
from voice.errors import UnsupportedFormat


@pytest.mark.parametrize("from_hz", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("to_hz", [8_000, 16_000, 24_000])
def test_a_tone_stays_the_same_tone(from_hz: int, to_hz: int):
    converted = resample(tone(1, rate_hz=from_hz), from_hz, to_hz)
    wanted = tone(1, rate_hz=to_hz)
    inside = slice(200, -200)
    assert len(converted) == to_hz
    assert np.abs(converted[inside].astype(int) - wanted[inside]).max() <= 6


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (48_000, 16_000), (22_050, 24_000), (24_000, 8_000)])
def test_the_live_path_lags_by_two_milliseconds_at_most(from_hz: int, to_hz: int):
    stream = Resampler(from_hz, to_hz)
    taken = given = 0
    for _ in range(200):
        block = tone(0.02, rate_hz=from_hz)
        taken += len(block)
        given += len(stream.process(block))
        lag_s = taken / from_hz - given / to_hz
        assert lag_s <= min(0.00201, stream.lag / from_hz)


@pytest.mark.parametrize(
    "from_hz", [8_001, *(pytest.param(rate_hz, marks=pytest.mark.slow) for rate_hz in (11_025, 22_050, 24_000, 44_100))]
)
def test_an_hour_is_an_hour(from_hz: int):
    stream = Resampler(from_hz, 16_000)
    block = np.zeros(from_hz * 60, np.int16)
    given = sum(len(stream.process(block)) for _ in range(60)) + len(stream.flush())
    assert abs(given - 3600 * 16_000) <= 1


def test_blocks_of_any_size_give_the_same_samples():
    audio = tone(0.5, rate_hz=24_000)
    whole = Resampler(24_000, 16_000)
    expected = np.concatenate([whole.process(audio), whole.flush()])
    for size in (1, 7, 128, 480, 5_000):
        stream = Resampler(24_000, 16_000)
        parts = [stream.process(audio[start : start + size]) for start in range(0, len(audio), size)]
        assert np.array_equal(np.concatenate([*parts, stream.flush()]), expected)


def test_a_stream_can_begin_anew_after_its_flush():
    stream = Resampler(22_050, 24_000)
    audio = tone(0.1, rate_hz=22_050)
    first = np.concatenate([stream.process(audio), stream.flush()])
    second = np.concatenate([stream.process(audio), stream.flush()])
    assert np.array_equal(first, second)
    assert len(stream.flush()) == 0


def test_nothing_and_little_convert():
    assert len(resample(np.zeros(0, np.int16), 24_000, 16_000)) == 0
    assert len(resample(np.ones(1, np.int16), 8_000, 16_000)) == 2


def test_what_no_sound_card_has_is_refused():
    with pytest.raises(UnsupportedFormat, match="Use a rate from"):
        Resampler(16_000, 0)
