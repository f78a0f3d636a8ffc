"""Partial transcripts: what was told is never taken back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.partials import StablePrefix

hypotheses = st.lists(st.lists(st.sampled_from("the my number is five nine".split()), max_size=6).map(" ".join))


def told(texts: list[str]) -> list[str]:
    prefix = StablePrefix()
    return [words for text in texts if (words := prefix.update(text)) is not None]


def test_words_are_told_when_two_hypotheses_agree() -> None:
    assert told(["my", "my number", "my number is", "my number is five"]) == ["my", "my number", "my number is"]


def test_a_word_that_changes_is_not_told() -> None:
    assert told(["my number", "my lumber", "my number is", "my number is"]) == ["my", "my number is"]


def test_what_was_told_stays_even_when_the_recogniser_changes_its_mind() -> None:
    assert told(["my number", "my number", "the number is", "the number is", "my number is", "my number is"]) == [
        "my number",
        "my number is",
    ]


@given(hypotheses)
def test_what_was_told_is_never_taken_back(texts: list[str]) -> None:
    words = [text.split() for text in told(texts)]
    assert all(len(earlier) < len(later) and later[: len(earlier)] == earlier for earlier, later in pairwise(words))


@given(hypotheses)
def test_nothing_is_told_that_was_not_heard_twice_in_a_row(texts: list[str]) -> None:
    for words in told(texts):
        assert any(
            first.split()[: len(words.split())] == second.split()[: len(words.split())] == words.split()
            for first, second in pairwise(texts)
        )
