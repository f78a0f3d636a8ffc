"""What bad sound cards add below speech is taken out, and speech is not."""

import numpy as np
import pytest

from tests.voice.sound import frames_of, noise, recording
from voice.speech.high_pass import HighPass

SECONDS = np.arange(32_000) / 16_000


def filtered(audio: np.ndarray) -> np.ndarray:
    high_pass = HighPass()
    return np.concatenate([high_pass.push(frame) for frame in frames_of(audio)])


def gain_db(hz: float) -> float:
    sine = np.rint(10_000 * np.sin(2 * np.pi * hz * SECONDS)).astype(np.int16)
    return float(20 * np.log10(max(filtered(sine)[16_000:].std(), 1e-3) / sine[16_000:].std()))


@pytest.mark.parametrize(
    ("hz", "least_db", "most_db"),
    [
        (1, -200, -60),
        (10, -200, -25),
        (50, -200, -60),
        (60, -200, -60),
        (150, -2, 0.1),
        (300, -0.5, 0.1),
        (3_000, -0.1, 0.1),
    ],
)
def test_the_gain(hz: float, least_db: float, most_db: float) -> None:
    assert least_db <= gain_db(hz) <= most_db


@pytest.mark.parametrize("offset", [-32_768, -6_553, 6_553, 32_767])
def test_an_offset_is_gone_from_the_first_sample(offset: int) -> None:
    assert not filtered(np.full(3_200, offset, np.int16)).any()


def test_an_offset_that_comes_in_a_call_is_gone_soon_and_wraps_nothing() -> None:
    step = np.concatenate([np.full(3_200, -30_000, np.int16), np.full(6_400, 30_000, np.int16)])
    found = filtered(step)
    assert found[3_200] == 32_767, "it clips"
    assert np.abs(found[3_200 + 1_600 :]).max() < 100, "within 100 ms"


def test_it_is_the_same_in_any_number_of_frames_and_calls_are_apart() -> None:
    first, second = HighPass(), HighPass()
    speech, other = recording("slt/clinic/01"), noise(len(recording("slt/clinic/01")), level_db=-20)
    together = []
    for frame, between in zip(frames_of(speech), frames_of(other), strict=True):
        together.append(first.push(frame))
        second.push(between)
    assert np.array_equal(np.concatenate(together), filtered(speech))


def test_it_is_what_the_biquads_are() -> None:
    from voice.speech.high_pass import CORNER_HZ, CORNER_Q, MAINS_HZ, NOTCH_Q, _biquad

    audio = noise(960, level_db=-10)
    audio[0] = 0  # settled on nothing
    expected = audio.astype(np.float64)
    forms = [_biquad(CORNER_HZ, CORNER_Q, notch=False), *(_biquad(hz, NOTCH_Q, notch=True) for hz in MAINS_HZ)]
    for zeros, poles in forms:
        found = np.zeros(len(expected) + 2)
        taken = np.concatenate([[0, 0], expected])
        for at in range(2, len(taken)):
            found[at] = zeros @ taken[at : at - 3 : -1] if at > 2 else zeros[0] * taken[2]
            found[at] -= poles[1] * found[at - 1] + poles[2] * found[at - 2]
        expected = found[2:]
    assert np.abs(filtered(audio) - expected).max() <= 0.51
