"""The documents in a prompt: what matches the latest words comes first, and nothing is over the budget."""

import pytest

from models.records.core import Document
from pipeline.llm.papers import papers

RULES = Document(
    "r",
    "Rules of the pool",
    text="# Rules\n\nWelcome to the pool. "
    + "\n\n".join(
        f"Rule {n}: the slide number {n} is closed in the rain, whatever the sky looks like." for n in range(60)
    )
    + "\n\n## Dogs\n\nA puppy may swim with you on Mondays, if it is washed before.\n\n## The end\n\nThank you.",
)
PRICES = Document("p", "Prices", text="A towel costs four dollars. " + "A locker is free of charge. " * 200)


def test_what_fits_is_whole_and_in_its_order() -> None:
    text = papers((PRICES, RULES), "May my dog swim?", 100_000)
    assert PRICES.text.strip() in text
    assert RULES.text in text
    assert text.index("Prices") < text.index("Rules of the pool")


def test_the_passage_that_answers_is_there_and_its_document_first() -> None:
    text = papers((PRICES, RULES), "May my dog swim with me?", 1500)
    assert "A puppy may swim with you on Mondays" in text
    assert text.index("Rules of the pool") < text.index("Prices")
    assert "Welcome to the pool." in text
    assert "A towel costs four dollars." in text
    assert len(text) < 2100


@pytest.mark.parametrize("said", ["", "the and of", "プールはどこですか", "Wo ist das Schwimmbad?", "z" * 100_000])
def test_nothing_that_matches_leaves_the_beginnings(said: str) -> None:
    text = papers((PRICES, RULES), said, 1500)
    assert "Welcome to the pool." in text
    assert "A towel costs four dollars." in text


def test_empty_documents_are_left_out() -> None:
    assert papers((Document("e", "Empty"), Document("b", "Blank", text=" \n\n")), "May my dog swim?", 1500) == ""


@pytest.mark.slow
def test_a_megabyte_is_searched() -> None:
    filler = "\n\n".join(f"Rule {n}: the slide is closed in the rain. " + "So it is. " * 40 for n in range(1200))
    long = Document("l", "Long", text=f"Welcome.\n\n{filler}\n\nA puppy may swim with you on Mondays.\n\n{filler}")
    assert len(long.text) > 1_000_000
    text = papers((long,), "When may my puppy swim?", 3000)
    assert "A puppy may swim with you on Mondays." in text
    assert len(text) < 3500
