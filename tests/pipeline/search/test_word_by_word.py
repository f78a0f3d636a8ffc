"""Known questions compared word by word: one word more or less makes another question of it."""

import numpy as np
import pytest

from pipeline.search.known_questions import UNANSWERED, KnownQuestions
from pipeline.search.meaning import Pieces, Vectors
from pipeline.search.sentence_model import SentenceModel
from pipeline.search.word_by_word import COMPARED, WordByWord, reduced, without_context, word_by_word

QUESTIONS = (
    "How much is a new battery?",
    "Which bus goes to the clinic?",
    "How long does the battery last?",
    "How much is a new tablet?",
)
PLACES = np.array([0, 1, 2, UNANSWERED])


@pytest.fixture(scope="module")
def model() -> SentenceModel:
    return SentenceModel()


def compared(model: SentenceModel, asked: str, texts: tuple[str, ...] = QUESTIONS, places=PLACES) -> WordByWord:
    known = {"shop": KnownQuestions(texts, places)}
    vectors, pieces = model.read([asked, *texts])
    near = {"shop": vectors[1:] @ vectors[0]}
    small = [reduced(one) for one in pieces]
    return word_by_word(asked, small[0], known, near, lambda _, index: small[1 + index])


def test_the_same_question_is_the_same_word_by_word(model: SentenceModel) -> None:
    found = compared(model, QUESTIONS[0])
    assert found.likeness["shop"].argmax() == 0
    assert found.likeness["shop"][0] == pytest.approx(1, abs=0.01)
    price = found.evidence_of("shop", 0)
    for name in ("words_of_asked", "words_of_known", "least_of_asked", "least_of_known", "known_whole"):
        assert price[name] == pytest.approx(1, abs=0.02)


def test_a_word_that_the_known_question_lacks_is_seen(model: SentenceModel) -> None:
    plain, more = (
        compared(model, asked).evidence_of("shop", 1)
        for asked in ("Which bus goes to the clinic?", "Which bus goes from the clinic to the airport?")
    )
    assert more["least_of_asked"] < plain["least_of_asked"] - 0.3
    assert more["words_of_known"] > more["words_of_asked"], "the known question's words are all there"


def test_what_is_not_answered_is_told_of_the_whole_document(model: SentenceModel) -> None:
    found = compared(model, "How much is a tablet?")
    assert found.evidence_of("shop", 0)["refused_words_of_asked"] > 0.8
    assert (
        found.evidence_of("shop", 0)["refused_least_of_asked"] == found.evidence_of("shop", 2)["refused_least_of_asked"]
    )
    nobody = found.evidence_of("elsewhere", 0)
    assert nobody["known_whole"] < 0.3
    assert nobody.keys() == found.evidence_of("shop", 0).keys()


def test_only_the_closest_are_compared_and_the_others_stay_behind_them(model: SentenceModel) -> None:
    many = tuple(f"What about box {number}?" for number in range(COMPARED + 20))
    found = compared(model, "Where is the box?", many, np.zeros(len(many), np.intp))
    likeness = np.sort(found.likeness["shop"])
    assert len(set(likeness[:20].tolist())) <= 20
    assert likeness[19] <= likeness[20]


def test_fewer_directions_compare_as_all_do(model: SentenceModel) -> None:
    _, (first, second) = model.read(["How do I return the laptop?", "Can I bring my computer back?"])
    small = [reduced(one) for one in (first, second)]
    assert small[0].coarse.shape == (len(first.spans), 96)

    def closest(one: Vectors, other: Vectors) -> Vectors:
        return np.asarray((one @ other.T).max(1), np.float32)

    whole, fewer = closest(first.vectors, second.vectors), closest(small[0].vectors, small[1].vectors)
    assert np.corrcoef(whole, fewer)[0, 1] > 0.9
    assert reduced(Pieces.of(np.zeros((0, 384), np.float32), np.zeros((0, 2), np.int32))).coarse.shape == (0, 96)


def test_without_a_model_words_are_like_those_of_about_the_same_meaning_and_others_like_themselves() -> None:
    asked, close, other = (without_context(text).vectors for text in ("laptop", "computer", "banana"))
    assert (asked @ close.T).item() > (asked @ other.T).item() + 0.1
    name, again, else_ = (without_context(text).vectors for text in ("Xyzzyq", "xyzzyq!", "Qwxyzzo"))
    assert (name @ again.T).item() == pytest.approx(1, abs=0.05)
    assert abs((name @ else_.T).item()) < 0.5
    assert without_context("?").coarse.shape[0] == 0
