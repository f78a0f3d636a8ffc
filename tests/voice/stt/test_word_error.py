"""Counting word errors."""

import pytest

from voice.stt.word_error import normalised_words, word_error_rate, word_errors


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("I'm here.", "i am here"),
        ("Can't you? You can not!", "cannot you you cannot"),
        ("It's John's.", "it is johns"),
        ("OK, let’s go", "okay let us go"),
        ("21 days, the 3rd of 40", "twenty one days the third of forty"),
        ("1,250", "one thousand two hundred fifty"),
        ("0800 12345", "zero eight zero zero one two three four five"),
        ("50%", "fifty percent"),
        ("uh-huh", "uh huh"),
        ("", ""),
    ],
)
def test_words_are_compared_by_how_they_sound(written: str, compared: str) -> None:
    assert " ".join(normalised_words(written)) == compared


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b c", "a b b c", 1),
        ("a b c", "", 3),
        ("", "a b", 2),
    ],
)
def test_substitutions_deletions_and_insertions_count_one_each(said: str, heard: str, errors: int) -> None:
    assert word_errors(said, heard).errors == errors


def test_every_word_counts_the_same_over_utterances() -> None:
    assert word_error_rate([("a", "b"), ("a b c", "a b c")]) == 0.25
