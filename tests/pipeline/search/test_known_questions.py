"""Questions that come with a document: what is like one of them is answered where it is, or is known not to be."""

import numpy as np
import pytest

from models.records.core import Document, DocumentQuestion
from pipeline.search.known_questions import (
    UNANSWERED,
    UNLIKE,
    KnownQuestions,
    familiarity,
    known_questions,
    likeness_by_words,
)
from pipeline.search.passages import paragraphs_of

POOL = (
    "# The pool\n\n## Hours\n\nThe pool is open from **seven** to nine, and on\n"
    "Sundays from ten to four in the summer.\n\n"
    "## Bringing things\n\nGlass, dogs and radios are bad for the pool and its guests, and stay outside."
)


def pool(*questions: tuple[str, str]) -> KnownQuestions | None:
    document = Document("pool", "The pool", text=POOL, questions=tuple(DocumentQuestion(*one) for one in questions))
    return known_questions(document, paragraphs_of(POOL, "The pool"))


def test_a_question_belongs_to_the_paragraph_with_the_words_that_answer_it() -> None:
    known = pool(
        ("When can I swim?", "open from seven to nine, and on Sundays from ten"),
        ("May I take my puppy?", "dogs and radios are bad"),
        ("What does it cost?", ""),
        ("Is it both?", "four in the summer. Glass"),
    )
    assert known is not None
    assert known.texts == ("When can I swim?", "May I take my puppy?", "What does it cost?"), (
        "not across two paragraphs"
    )
    assert known.places.tolist() == [0, 1, UNANSWERED]
    assert pool() is None


def test_the_evidence_is_that_of_the_closest_questions() -> None:
    known = {"pool": KnownQuestions(("a", "b", "c", "d"), np.array([0, 0, 1, UNANSWERED]))}
    near = {"pool": np.array([0.7, 0.9, 0.5, 0.8], np.float32)}
    hours = familiarity(known, near).evidence("pool", 0)
    expected = {"known": 0.9, "known_again": 0.7, "known_refused": 0.8, "known_over_refused": 0.1, "known_ahead": 0.4}
    assert {name: hours[name] for name in expected} == pytest.approx(expected)
    assert hours["known_close"] == pytest.approx(0.3)
    assert hours["known_same"] == pytest.approx(0.15)
    things = familiarity(known, near).evidence("pool", 1)
    assert things["known_ahead"] == pytest.approx(-0.4)
    assert things["known_again"] == UNLIKE
    assert familiarity(known, near).evidence("pool", 7)["known"] == UNLIKE


def test_by_words_the_rare_ones_and_their_likes_count() -> None:
    known = pool(
        ("When can I swim?", "open from seven to nine"),
        ("May I take my puppy?", "dogs and radios are bad"),
        ("May I take my lunch?", ""),
    )
    assert known is not None
    (near,) = likeness_by_words("May I bring a dog?", {"pool": known}).values()
    assert near.argmax() == 1
    (same,) = likeness_by_words("when can i swim", {"pool": known}).values()
    assert same[0] == pytest.approx(1.0, abs=0.01)
    (nothing,) = likeness_by_words("?!", {"pool": known}).values()
    assert nothing.max() <= 0.5
