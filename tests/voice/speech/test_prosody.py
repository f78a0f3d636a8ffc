"""Prosody at a pause: made voices that fall and do not, noise, silence, and people."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.neural import people
from tests.voice.sound import noise
from voice.audio.formats import RATE_HZ, int16_of
from voice.speech.prosody import SECONDS, ending_by_prosody, pitch_and_level


def made_voice(pitch_hz: list[float], level_db: list[float]) -> NDArray[np.int16]:
    """A voice of 2 s with harmonics, its pitch and level along these points."""
    length = 2 * RATE_HZ
    place = np.linspace(0, 1, length)
    pitch = np.interp(place, np.linspace(0, 1, len(pitch_hz)), pitch_hz)
    level = 10 ** (np.interp(place, np.linspace(0, 1, len(level_db)), level_db) / 20)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    return int16_of(level * sum(np.sin(number * phase) / number for number in range(1, 9)) / 4)


@pytest.mark.parametrize("pitch_hz", [90, 123, 217, 331])
def test_pitch_is_found_to_a_tenth_of_a_semitone(pitch_hz: float) -> None:
    pitch, level = pitch_and_level(made_voice([pitch_hz, pitch_hz], [-20, -20]))
    assert pitch.shape == level.shape == (2 * 100 - 3,)
    assert np.median(pitch) == pytest.approx(12 * np.log2(pitch_hz), abs=0.1)


def test_a_voice_that_falls_is_likelier_at_its_end_than_one_that_stays_up() -> None:
    falls = ending_by_prosody(made_voice([220, 210, 200, 130], [-20, -20, -21, -30]))
    stays = ending_by_prosody(made_voice([180, 200, 190, 230], [-22, -20, -20, -19]))
    assert falls is not None
    assert stays is not None
    assert falls > 0.6
    assert stays < 0.3


def test_noise_silence_and_the_shortest_words_do_not_tell() -> None:
    assert ending_by_prosody(noise(2 * RATE_HZ, level_db=-30)) is None
    assert ending_by_prosody(np.zeros(RATE_HZ, np.int16)) is None
    assert ending_by_prosody(np.zeros(0, np.int16)) is None
    assert ending_by_prosody(made_voice([200, 120], [-20, -25])[: RATE_HZ // 5]) is None


def test_only_the_last_seconds_count_and_silence_after_them_does_not() -> None:
    voice = np.concatenate([made_voice([150, 250], [-10, -10]), made_voice([220, 130], [-20, -26])])
    assert len(voice) > SECONDS * RATE_HZ
    assert ending_by_prosody(voice) == ending_by_prosody(voice[-SECONDS * RATE_HZ :])


def test_people_lower_their_voice_at_the_end_and_not_in_the_middle() -> None:
    whole = [int16_of(item.audio) for item in people("prompts")]
    ends = [ending_by_prosody(audio) for audio in whole]
    middles = [ending_by_prosody(audio[: len(audio) * 6 // 10]) for audio in whole]
    assert sum(found is not None and found <= 0.35 for found in ends) <= 1
    assert sum(found is not None and found <= 0.35 for found in middles) >= len(whole) // 3
