"""Partial transcripts: what was told is never taken back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.hearing.partials import StablePrefix

hypotheses = st.lists(st.lists(st.sampled_from("the my number is five nine".split()), max_size=6).map(" ".join))


def told(texts: list[str]) -> list[str]:
    prefix = StablePrefix()
    return [words for text in texts if (words := prefix.update(text)) is not None]


def holds(words: list[str], part: list[str]) -> bool:
    return any(words[start : start + len(part)] == part for start in range(len(words)))


def test_words_are_told_when_two_hypotheses_agree() -> None:
    assert told(["my", "my number", "my number is", "my number is five"]) == ["my", "my number", "my number is"]


def test_a_word_that_changes_is_not_told() -> None:
    assert told(["my number", "my lumber", "my number is", "my number is"]) == ["my", "my number is"]


def test_what_was_told_stays_even_when_the_recogniser_changes_its_mind() -> None:
    assert told(["my number", "my number", "the number is", "the number is", "my number is", "my number is"]) == [
        "my number",
        "my number is",
    ]


def test_partials_go_on_behind_words_that_are_written_otherwise_by_then() -> None:
    first, again = "helen this is the records", "hello this is the records"
    assert told([first, first, f"{again} office", f"{again} office how", f"{again} office how can i"]) == [
        first,
        f"{first} office",
        f"{first} office how",
    ]


def test_a_word_more_or_less_than_was_told_is_neither_told_twice_nor_left_out() -> None:
    more, less = "can you send me the the form", "can you send me the form"
    assert told([more, more, f"{less} please today", f"{less} please today"])[-1] == f"{more} please today"
    assert told([less, less, f"{more} please today", f"{more} please today"])[-1] == f"{less} please today"


def test_a_shorter_hypothesis_tells_nothing_again() -> None:
    assert told(["my number is five", "my number is five", "the number", "the number"]) == ["my number is five"]


def test_words_are_told_deep_in_a_long_turn_whose_beginning_was_written_otherwise() -> None:
    words = [f"word{number}" for number in range(200)]
    texts = [" ".join(words[:length]) for length in range(1, 100)]
    texts += [" ".join(["an", "other", *words[1:length]]) for length in range(99, 200)]
    assert told(texts)[-1] == " ".join(words[:198])


@given(hypotheses)
def test_what_was_told_is_never_taken_back(texts: list[str]) -> None:
    words = [text.split() for text in told(texts)]
    assert all(len(earlier) < len(later) and later[: len(earlier)] == earlier for earlier, later in pairwise(words))


@given(hypotheses)
def test_nothing_is_told_that_was_not_heard_twice_in_a_row(texts: list[str]) -> None:
    prefix, before = StablePrefix(), ""
    for first, second in pairwise(["", *texts]):
        words = prefix.update(second)
        if words is not None:
            new = words.split()[len(before.split()) :]
            assert holds(first.split(), new)
            assert holds(second.split(), new)
            before = words
