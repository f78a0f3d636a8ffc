"""What a question wants to hear, and whether a text holds it."""

import pytest

from pipeline.search.expectations import expectations, holds_value
from pipeline.search.question import question_of
from pipeline.search.words import stem


def same(word: str, others: object) -> float:
    assert isinstance(others, list)
    return float(any(stem(word) == stem(other) for other in others))


@pytest.mark.parametrize(
    ("question", "text", "sort", "speaks_for_it"),
    [
        ("How much is a towel?", "A towel costs four dollars.", "amount", True),
        ("How much is a towel?", "A towel is blue.", "amount", False),
        ("How many dogs may swim?", "Two dogs at a time.", "counted", True),
        ("How many dogs may swim?", "Two towels, and a dog.", "counted", False),
        ("How long may I swim?", "For two hours.", "duration", True),
        ("When may I swim?", "On Mondays.", "time", True),
        ("When may I swim?", "With a cap.", "time", False),
        ("What is the phone number of the pool?", "Ring 4410.", "contact", True),
        ("What is the phone number of the pool?", "Ring us.", "contact", False),
        ("What were the rules in 2019?", "Rules of 2019.", "year", True),
        ("What are the rules in 2031?", "Rules of 2019.", "year", False),
        ("Is the pool in Finland?", "It is in Finland.", "named", True),
        ("Is the pool in Finland?", "It is in the garden.", "named", False),
        ("May I swim?", "You may not.", "permission", True),
        ("May I swim?", "A blue towel.", "permission", False),
    ],
)
def test_what_is_asked_for_is_held_or_not(question: str, text: str, sort: str, speaks_for_it: bool) -> None:
    found = expectations(question_of(question), "Pool", text, "", same)
    assert (found[sort] > 0) is speaks_for_it


def test_what_is_not_asked_for_says_nothing() -> None:
    found = expectations(question_of("Tell me about the pool."), "Pool", "It costs four dollars on Mondays.", "", same)
    assert set(found) == {"own", "which"}


@pytest.mark.parametrize(
    ("question", "text", "holds"),
    [
        ("How long is the pool?", "It is open for one year.", True),
        ("How long may I swim?", "A towel costs four dollars.", False),
        ("When does it open?", "On Mondays.", True),
        ("What do I do when it rains?", "Go home.", None),
        ("How much is a towel?", "It takes four days.", False),
        ("How much is a towel?", "Four dollars.", True),
        ("Who owns the pool?", "It belongs to the town, and Ada Lovelace runs it.", True),
        ("May I swim?", "You may not.", None),
    ],
)
def test_a_value_is_held_if_one_is_asked_for(question: str, text: str, holds: bool | None) -> None:
    assert holds_value(question_of(question), text) is holds
