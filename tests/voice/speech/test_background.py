"""The background of a call, and what stands out from it."""

import numpy as np
import pytest

from tests.voice.people import babble, level_of
from tests.voice.sound import noise, recording, recordings, with_noise
from voice.audio.formats import float32_of, int16_of
from voice.speech.background import FRAMES, BackgroundLevel, stands_out
from voice.speech.vad import AUDIBLE_DB

SPEECH = recording("slt/records-office/05")


def after(*levels_db: tuple[float, float]) -> BackgroundLevel:
    """A background that had these levels, each for so many seconds."""
    background = BackgroundLevel()
    for level_db, seconds in levels_db:
        for _ in range(round(seconds * 50)):
            background.push(level_db, in_utterance=False)
    return background


@pytest.mark.parametrize(
    ("story", "levels_db", "level_db"),
    [
        ("too little to know", [(-30, 0.3)], None),
        ("a steady noise", [(-30, 1)], -30),
        ("a shout does not move it", [(-50, 8), (-10, 1)], -50),
        ("people come in: it follows within 10 s", [(-60, 20), (-30, 6)], -30),
        ("a machine stops: it follows within a second", [(-30, 20), (-60, 0.7)], -60),
    ],
)
def test_the_level_of_a_background(story: str, levels_db: list[tuple[float, float]], level_db: float | None) -> None:
    found = after(*levels_db).level_db
    assert found is None if level_db is None else found == pytest.approx(level_db, abs=0.1), story


def test_what_was_said_is_no_background_and_what_held_no_words_is() -> None:
    background = after((-50, 20))
    for _ in range(FRAMES):
        background.push(-20, in_utterance=True)
    background.settle(heard=True)
    assert background.level_db == pytest.approx(-50)
    for _ in range(FRAMES):
        background.push(-30, in_utterance=True)
    background.settle(heard=False)
    assert background.level_db == pytest.approx(-30)


def test_speech_has_to_begin_louder_than_it_goes_on() -> None:
    background = after((-40, 2))
    starts, continues = (background.threshold_db(in_utterance=open_) for open_ in (False, True))
    assert -40 < continues < starts < -32
    assert (
        BackgroundLevel().threshold_db(in_utterance=False)
        == after((-90, 2)).threshold_db(in_utterance=True)
        == AUDIBLE_DB
    )


def test_someone_who_speaks_stands_out() -> None:
    for name in recordings("turns", "clinic"):
        for gain in (1.0, 0.03):
            speech = np.concatenate([np.zeros(4800, np.int16), recording(name), np.zeros(4800, np.int16)]) * gain
            noisy = with_noise(speech.astype(np.int16), speech=(recording(name) * gain).astype(np.int16), snr_db=10)
            assert stands_out(noisy, None), name


def test_people_in_the_background_do_not() -> None:
    voices = [float32_of(recording(name)) for name in recordings("clinic", "turns")]
    for seed in range(8):
        people = int16_of(babble(voices, 12, level=0.05, seed=seed))
        power = np.mean(float32_of(people[: 10 * 16_000]).reshape(-1, 320) ** 2, axis=1)
        level_db = float(np.median(10 * np.log10(power)))
        assert not stands_out(people[10 * 16_000 :], level_db)
        caller = float32_of(SPEECH) * np.float32(0.05 * 10**0.5 / level_of(float32_of(SPEECH)))
        assert stands_out(int16_of(babble(voices, len(caller) / 16_000, level=0.05, seed=seed) + caller), level_db)


def test_a_frame_or_less_can_be_judged() -> None:
    assert not stands_out(noise(100, level_db=-30), None)
    assert stands_out(noise(100, level_db=-30), -60)


def test_minutes_of_babble_do_not_stand_out_from_themselves() -> None:
    voices = [float32_of(recording(name)) for name in recordings("clinic", "turns")]
    for seed in range(4):
        assert not stands_out(int16_of(babble(voices, 25, level=0.1, seed=seed)), None)
