"""The packaged vectors of words: words of one meaning are close, and unknown ones harm nothing."""

import numpy as np
import pytest

from pipeline.search.word_vectors import packaged


@pytest.mark.parametrize(
    ("word", "close", "far"),
    [
        ("laptop", "notebook", "onion"),
        ("dentist", "teeth", "carpet"),
        ("money", "cash", "violin"),
        ("spill", "splash", "deadline"),
        ("roses", "flowers", "invoice"),
    ],
)
def test_words_of_one_meaning_are_close(word: str, close: str, far: str) -> None:
    known = packaged()
    assert known.closeness(word, known.of_words([close])) > 0.4
    assert known.closeness(word, known.of_words([far])) < 0.35


def test_texts_are_compared_by_their_words() -> None:
    known = packaged()
    asked = known.of_text("May I bring my mother roses?")
    assert np.linalg.norm(asked) == pytest.approx(1.0, abs=1e-5)
    near, far = known.of_text("Please give mum no flowers."), known.of_text("The invoice is due in May.")
    assert float(asked @ near) > float(asked @ far) + 0.2


@pytest.mark.parametrize("text", ["", "the and of", "保証期間", "zzzzqq xkcdq"])
def test_what_is_not_known_is_like_nothing(text: str) -> None:
    known = packaged()
    assert not known.of_text(text).any()
    assert known.closeness(text, known.of_words(["laptop"])) == 0.0
    assert known.closeness("laptop", known.of_words([text])) == 0.0
    assert known.similar(text) == []


def test_similar_words_come_closest_first() -> None:
    found = packaged().similar("dentist")
    assert "dental" in found
    assert len(found) <= 3
    assert "dentist" not in found
