"""Recordings of any card: rates, widths and levels, through the intake of a call."""

import asyncio
import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from tests.voice.sound import recording
from voice.audio.formats import AudioFormat, Int16Mono, int16_of
from voice.audio.intake import AudioIntake
from voice.audio.resample import resample

LINE = recording("rms/turns/07")


def file_of(audio: Int16Mono, rate_hz: int, width: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, resample(audio, 16_000, rate_hz) / 32_768, rate_hz, format="WAV", subtype=width)
    return file.getvalue()


def taken(data: bytes, size: int = 4_000) -> Int16Mono:
    """All samples of a file that comes in messages of this size, and without a complaint."""

    async def story() -> Int16Mono:
        intake, frames = AudioIntake(AudioFormat("container")), []
        for push in [
            *(lambda start=start: intake.push(data[start : start + size]) for start in range(0, len(data), size)),
            intake.flush,
        ]:
            got, problem = await push()
            assert problem is None
            frames += got
        await intake.close()
        return np.concatenate(frames)

    return asyncio.run(story())


def alike(found: Int16Mono, expected: Int16Mono) -> float:
    return float(np.corrcoef(found[: len(expected)].astype(float), expected.astype(float))[0, 1])


@pytest.mark.parametrize("width", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000, 96_000])
def test_every_rate_and_width_is_the_same_sound(rate_hz: int, width: str) -> None:
    found = taken(file_of(LINE, rate_hz, width))
    expected = resample(resample(LINE, 16_000, 8_000), 8_000, 16_000) if rate_hz < 16_000 else LINE
    assert 0 <= len(found) - len(LINE) <= 640
    assert alike(found, expected) > 0.98


WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "clipped": lambda audio: (audio * 3).clip(-1, 1),
    "an offset": lambda audio: audio * 0.7 + 0.2,
    "five seconds of silence first": lambda audio: np.concatenate([np.zeros(5 * 16_000), audio]),
    "a whisper at -50 dBFS": lambda audio: audio * 10 ** (-50 / 20) / np.sqrt(np.mean(audio**2)),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("width", ["PCM_16", "PCM_24"])
def test_every_level_arrives_as_it_is(name: str, width: str) -> None:
    audio = int16_of(WAYS[name](LINE / 32_768))
    found = taken(file_of(audio, 16_000, width))
    assert np.abs(found[: len(audio)].astype(int) - audio).max() <= 1
