"""The overtones of the mains are taken out of a call that has them, and no other call is touched."""

import numpy as np
import pytest

from tests.voice.sound import frames_of, noise, recording
from voice.speech.hum import MainsHum

SECOND = 16_000


def sine(hz: float, amplitude: float, seconds: float, *, phase: float = 0.3) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * SECOND)) / SECOND + phase)


def cleaned(audio: np.ndarray, speaks: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """What is left, if somebody speaks from the first to the second of these seconds, known 200 ms late."""
    hum, frames = MainsHum(), frames_of(audio.clip(-32_768, 32_767).astype(np.int16))
    late, until = speaks[0] + 0.2, speaks[1]
    quiet = [not late <= number * 0.02 < until for number in range(len(frames))]
    return np.concatenate([hum.push(frame, quiet=still) for frame, still in zip(frames, quiet, strict=True)])


@pytest.mark.parametrize("hz", [100, 120, 149.8, 150, 150.3, 180, 250, 300, 350])
@pytest.mark.parametrize("amplitude", [150, 1_000])
def test_a_steady_tone_is_gone_after_400_ms(hz: float, amplitude: float) -> None:
    left = cleaned(sine(hz, amplitude, 3) + noise(3 * SECOND, level_db=-66))
    assert np.std(left[SECOND // 2 :]) < 0.1 * amplitude + 17


def test_it_is_gone_below_speech_too_and_speech_is_not() -> None:
    speech = np.concatenate([np.zeros(SECOND), recording("slt/clinic/01"), np.zeros(SECOND)]) * 0.8
    end = len(speech) / SECOND - 1
    hum = sine(150, 500, len(speech) / SECOND) + sine(250, 200, len(speech) / SECOND)
    left = cleaned(speech + hum, (1.0, end)) - speech.astype(np.int16)[: len(speech) // 320 * 320]
    assert np.std(left[SECOND:-SECOND]) < 0.15 * np.std(hum)


@pytest.mark.parametrize("name", ["awb/turns/01", "slt/turns/02", "rms/clinic/01"])
@pytest.mark.parametrize("level_db", [-66, -40])
def test_what_has_none_is_not_touched(name: str, level_db: float) -> None:
    speech = np.concatenate([np.zeros(SECOND), recording(name), np.zeros(SECOND)])
    audio = (speech + noise(len(speech), level_db=level_db)).clip(-32_768, 32_767).astype(np.int16)
    audio = audio[: len(audio) // 320 * 320]
    assert np.array_equal(cleaned(audio, (1.0, len(speech) / SECOND - 1)), audio)


@pytest.mark.parametrize("hz", [145, 155, 220, 440, 1_000])
def test_a_tone_of_something_else_is_not_touched(hz: float) -> None:
    audio = sine(hz, 1_000, 3).astype(np.int16)
    assert np.array_equal(cleaned(audio), audio)


def test_a_voice_that_holds_a_note_is_not_taken_for_the_mains() -> None:
    audio = np.concatenate([np.zeros(SECOND), sine(150, 3_000, 2)]).astype(np.int16)
    assert np.array_equal(cleaned(audio, (0.8, 3.0)), audio)


def test_what_is_switched_off_or_changes_is_let_go() -> None:
    hum = np.concatenate([sine(150, 1_000, 2), np.zeros(2 * SECOND)])
    assert np.abs(cleaned(hum)[-SECOND:]).max() == 0
    louder = np.concatenate([sine(150, 300, 2), sine(150, 2_000, 2, phase=2)])
    assert np.std(cleaned(louder)[-SECOND:]) < 60


def test_what_goes_in_a_long_speech_is_let_go_in_its_course() -> None:
    chance = np.random.default_rng(5)
    hum = np.concatenate([sine(150, 1_000, 2), 500 * chance.standard_normal(8 * SECOND)])
    left = cleaned(hum, (1.5, 10.0))
    assert np.array_equal(left[-SECOND:], hum.astype(np.int16)[-SECOND:])


def test_calls_are_apart_and_it_says_when_it_begins() -> None:
    hum = np.concatenate([sine(150, 1_000, 1), np.zeros(SECOND), sine(100, 1_000, 1)])
    first, second, audio = MainsHum(), MainsHum(), frames_of(hum.astype(np.int16))
    began = []
    for number, frame in enumerate(audio):
        first.push(frame, quiet=True)
        assert not second.push(np.zeros(320, np.int16), quiet=True).any()
        began += [number] if first.began else []
    assert began == [14], "once, when three windows are over"
