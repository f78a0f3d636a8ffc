"""Samples that are not what pcm16 means are named, and whatever is a sound is not."""

import numpy as np
import pytest

from tests.voice.sound import frames_of, noise, recording, tone
from voice.audio.formats import AudioFormat, float32_of
from voice.audio.resample import resample
from voice.audio.sample_check import SILENT_FRAMES, SampleCheck, SilenceCheck

RATES_HZ = (8_000, 16_000, 48_000)


def spoken(rate_hz: int) -> np.ndarray:
    """Two speakers, with pauses, and the hiss of a card."""
    lines = [recording(f"{voice}/records-office/05") for voice in ("slt", "rms")]
    speech = np.concatenate([part for line in lines for part in (np.zeros(8_000, np.int16), line)])
    return resample((speech // 2 + noise(len(speech), level_db=-66)).astype(np.int16), 16_000, rate_hz)


def complaints(data: bytes, wire: AudioFormat, size: int = 641) -> list[str]:
    """What is said of a stream that comes in messages of this size."""
    check = SampleCheck(wire)
    found = (check.push(data[start : start + size]) for start in range(0, len(data), size))
    return [str(problem) for problem in found if problem is not None]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_floats_and_big_endian_samples_are_named_once(rate_hz: int, channels: int) -> None:
    samples = np.repeat(spoken(rate_hz), channels)
    wire = AudioFormat("pcm16", rate_hz, channels)
    (floats,) = complaints(float32_of(samples).tobytes(), wire)
    assert "look like 32-bit float samples" in floats
    assert "multiply each by 32767" in floats
    (swapped,) = complaints(samples.astype(">i2").tobytes(), wire)
    assert "look like big-endian samples" in swapped
    assert complaints(samples.astype("<i2").tobytes(), wire) == []


SOUNDS = {
    "white noise": lambda: noise(160_000, level_db=-20),
    "its last bits": lambda: noise(160_000, level_db=-86),
    "hiss at full scale": lambda: noise(160_000, level_db=0),
    "silence": lambda: np.zeros(160_000, np.int16),
    "an offset": lambda: np.full(160_000, 13_000, np.int16),
    "an offset that is noisy": lambda: (13_000 + noise(160_000, level_db=-60)).astype(np.int16),
    "a whistle": lambda: tone(10, hz=7_000),
    "a square": lambda: np.sign(tone(10, hz=300)) * np.int16(14_000),
    "clipped speech": lambda: (spoken(16_000).astype(np.int32) * 60).clip(-32_768, 32_767).astype(np.int16),
    "faint speech": lambda: (spoken(16_000) // 200).astype(np.int16),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_whatever_is_a_sound_is_not_named(name: str) -> None:
    assert complaints(SOUNDS[name]().astype("<i2").tobytes(), AudioFormat()) == []


def test_other_encodings_are_not_judged() -> None:
    assert complaints(spoken(8_000).astype(">i2").tobytes(), AudioFormat("mulaw", 8_000)) == []


@pytest.mark.parametrize("value", [0, 8, -6_553])
def test_ten_seconds_of_one_value_are_named_once(value: int) -> None:
    check, frame = SilenceCheck(), np.full(320, value, np.int16)
    assert [check.push(frame) for _ in range(2 * SILENT_FRAMES)].index(True) == SILENT_FRAMES - 1
    assert not any(check.push(frame) for _ in range(2 * SILENT_FRAMES))


def test_silence_with_a_sound_in_it_is_none() -> None:
    check, click = SilenceCheck(), np.zeros(320, np.int16)
    click[7] = 1
    frames = [*frames_of(np.zeros(9 * 16_000, np.int16)), click] * 3
    assert not any(check.push(frame) for frame in frames)
