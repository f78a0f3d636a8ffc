"""Polarity: what of an answer is affirmed, and what is negated in it."""

import pytest

from pipeline.llm.polarity import statement

YES, NO = {True}, {False}


@pytest.mark.parametrize(
    ("said", "polarities"),
    [
        ("It must be sorted.", YES),
        ("It must not be sorted.", NO),
        ("it must not be sorted", NO),
        ("It mustn't ever be sorted", NO),
        ("It is random, not sorted", NO),
        ("it is not random but sorted", YES),
        ("No, it must be sorted.", YES),
        ("no it must be sorted", YES),
        ("I don't know, sorted?", YES),
        ("not only sorted but short", YES),
        ("It does not work unless it is sorted.", YES),
        ("If it is not sorted, it does not work.", YES),
        ("if it is not sorted it does not work", YES),
        ("If it is not sorted, it is fine.", NO),
        ("It does not work if it is sorted.", NO),
        ("You cannot do it without a sorted list.", YES),
        ("Sorted is not needed.", NO),
        ("Sorted of course does not matter.", NO),
        ("It is not short. It is sorted.", YES),
        ("It does not matter how long it is it must be sorted", YES),
        ("I do not think it has to be sorted", NO),
        ("It takes 500,000 and not sorted", NO),
        ("rather than sorted I want it random", NO),
        ("random instead of sorted", NO),
        ("It must be sorted, it must not be sorted.", {True, False}),
        ("It must be unsorted.", set()),
        ("", set()),
    ],
)
def test_polarity(said: str, polarities: set[bool]) -> None:
    assert statement(said).polarities("sorted") == polarities
