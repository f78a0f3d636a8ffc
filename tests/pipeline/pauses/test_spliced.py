"""Pauses in recordings: they lie between words, where they say, and are as long as they say."""

import numpy as np
import pytest

from pipeline.pauses.spliced import LONGEST_MS, SHORTEST_MS, half_of, spliced_turn
from tests.neural import people
from voice.audio.formats import FRAME, RATE_HZ, int16_of
from voice.stt.whisper.word_times import TimedWord

TONE = 0.3 * np.sin(2 * np.pi * 200 * np.arange(RATE_HZ // 4) / RATE_HZ)
HUSH = 1e-4 * np.random.default_rng(0).standard_normal(RATE_HZ // 25)


def words_of_tone(count: int) -> tuple[np.ndarray, list[TimedWord]]:
    """Words of 250 ms with 40 ms between them, and where they are said to be: up to 60 ms wrong."""
    audio = np.concatenate([HUSH, *[part for _ in range(count) for part in (TONE, HUSH)]])
    length = len(TONE) + len(HUSH)
    starts = [len(HUSH) + number * length + (-1) ** number * RATE_HZ * 6 // 100 for number in range(count)]
    return int16_of(audio), [TimedWord(f"w{at}", start, start + len(TONE)) for at, start in enumerate(starts)]


def test_pauses_lie_between_words_and_everything_said_is_still_there() -> None:
    audio, words = words_of_tone(12)
    turn = spliced_turn("a name", audio, words)
    assert turn is not None
    assert len(turn.audio) % FRAME == 0
    assert [pause.place for pause in turn.pauses] == 3 * ["inside a line"]
    for pause in turn.pauses:
        assert SHORTEST_MS <= pause.ms <= LONGEST_MS + 80
        said = turn.audio[turn.begin : pause.start].astype(float)
        tones = len(pause.text.split())
        assert np.sum(said**2) == pytest.approx(tones * np.sum((32768 * TONE) ** 2), rel=0.05), "whole words"
    loud = np.abs(turn.audio) > 1000
    assert loud.sum() == pytest.approx((np.abs(audio) > 1000).sum(), rel=0.02)
    assert not loud[: turn.begin].any()
    assert not loud[turn.end :].any()


def test_the_same_name_gives_the_same_pauses_and_another_gives_others() -> None:
    audio, words = words_of_tone(12)
    first, again, other = (spliced_turn(name, audio, words) for name in ("a", "a", "b"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert np.array_equal(first.audio, again.audio)
    assert [pause.ms for pause in first.pauses] != [pause.ms for pause in other.pauses]


def test_the_noise_in_a_pause_is_the_recordings_own() -> None:
    hiss = 0.003 * np.random.default_rng(1).standard_normal(RATE_HZ * 2)
    audio, words = words_of_tone(6)
    noisy = int16_of(audio / 32768 + hiss[: len(audio)])
    turn = spliced_turn("a name", noisy, words)
    assert turn is not None
    inside = turn.audio[turn.pauses[0].start : turn.pauses[0].end] / 32768
    assert np.std(inside) == pytest.approx(0.003, rel=0.3)


def test_too_few_words_and_silence_give_no_turn() -> None:
    audio, words = words_of_tone(3)
    assert spliced_turn("short", audio, words) is None
    assert spliced_turn("silent", np.zeros(RATE_HZ, np.int16), words_of_tone(5)[1]) is None


def test_halves_are_halves_whatever_the_format_of_the_file() -> None:
    names = [item.name for item in people("prompts")]
    assert 0.3 <= sum(half_of(name) == "report" for name in names) / len(names) <= 0.7
