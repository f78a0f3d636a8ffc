"""Patterns of content: what they match, and that none of them can stall a call."""

import pytest

from models.errors import Invalid
from models.patterns import folded, pattern


@pytest.mark.parametrize(
    ("expression", "text", "length"),
    [
        ("how (are|is) (you|it)", "well how are you today", 11),
        ("ask|asking", "he is asking", 3),
        ("art", "a start", 0),
        ("caf[eé]", "un café noir", 4),
        ("été", "cet été la", 3),
        ("привет", "привет мир", 6),
        ("вет", "привет", 0),
        ("good ?bye", "goodbye and good bye again", 8),
        ("dog", "", 0),
    ],
)
def test_what_matches_from_the_beginning_of_a_word(expression: str, text: str, length: int) -> None:
    found = pattern(expression, at_words=True)
    assert found.longest_in(text) == length
    assert found.found_in(text) == (length > 0)


def test_marks_on_letters_do_not_matter() -> None:
    assert folded("Café, señor — naïve") == "Cafe, senor — naive"
    assert pattern("senor").found_in("buenos días señor")


@pytest.mark.parametrize("expression", ["(a", "a)", "[a", "(?=a)b", r"(a)\1", "a{2000}", "*"])
def test_what_is_no_pattern_of_re2_is_refused(expression: str) -> None:
    with pytest.raises(Invalid):
        pattern(expression)


@pytest.mark.parametrize("expression", ["(a+)+$", "(a|aa)+$", "(.*a){20}b", r"(\w+\s?)*!"])
def test_what_would_never_end_elsewhere_ends(expression: str) -> None:
    assert not pattern(expression, at_words=True).found_in("a" * 5_000 + "?" * 3 + "c")
