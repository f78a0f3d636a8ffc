"""Words are compared one by one, each with the closest one, and the rare ones count for more."""

import numpy as np
import pytest

from pipeline.search.alignment import TOPIC, align
from pipeline.search.meaning import Pieces
from pipeline.search.passages import Paragraph
from pipeline.search.question import question_of
from pipeline.search.words import stem

MEANINGS = {"pool": 0, "swimming": 0, "puppy": 1, "dog": 1, "rain": 2, "may": 3, "swim": 4}


def pieces(text: str) -> Pieces:
    """Each word is a piece, in a direction of its meaning; what is not known is in one of its own."""
    vectors, spans, at = [], [], 0
    for word in text.split():
        at = text.index(word, at)
        spans.append((at, at + len(word)))
        at += len(word)
        vectors.append(np.eye(8)[MEANINGS.get(word.strip(".?:").lower(), 5)])
    return Pieces.of(np.array(vectors, np.float32).reshape(-1, 8), np.array(spans, np.int32).reshape(-1, 2))


def compared(question: str, topic: str, text: str) -> tuple[float, float]:
    asked = question_of(question)
    weights = {stem(word): 1.0 for word in asked.words}
    held = pieces(f"{topic}: {text}")
    found = align(asked, pieces(asked.text), Paragraph(text, 0, ""), held, len(topic) + 2, weights)
    assert found is not None
    return found.paragraph, found.sentence


def test_a_word_of_the_same_meaning_is_as_good() -> None:
    assert compared("dog pool", "Rules", "A puppy is in the swimming hall.") == pytest.approx((1.0, 1.0))
    assert compared("dog pool", "Rules", "Rain is wet.") == pytest.approx((0.0, 0.0))


def test_what_stands_in_two_sentences_is_in_the_paragraph_only() -> None:
    assert compared("dog pool", "Rules", "A dog is here. The pool is there.") == pytest.approx((1.0, 0.5))


def test_the_topic_counts_for_each_sentence_a_little_less() -> None:
    assert compared("dog pool", "The pool", "A dog is here.") == pytest.approx((1.0, (1 + TOPIC) / 2))


def test_words_that_say_little_count_for_little() -> None:
    whole, _ = compared("May the dog", "Rules", "May be.")
    assert whole < 0.4


def test_without_words_there_is_nothing_to_compare() -> None:
    asked = question_of("?!")
    assert align(asked, pieces(asked.text), Paragraph("A dog.", 0, ""), pieces("A dog."), 0, {}) is None
    asked = question_of("dog")
    assert align(asked, pieces("dog"), Paragraph("", 0, ""), pieces(""), 0, {"dog": 1.0}) is None
