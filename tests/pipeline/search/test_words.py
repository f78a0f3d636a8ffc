"""What a search compares of a text: stems, and whether it is negated."""

import pytest

from pipeline.search.words import content_stems, is_negated, stems, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don’t, can't; WON'T! It's “fine”.", "do not can not will not it fine"),
        ("Room 1204B, 3.5 % of $1,200 at 10:30", "room 1204b 3.5 of 1,200 at 10:30"),
        ("Ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("x" * 100_000, "x" * 40),
        (" \n…", ""),
    ],
)
def test_words(text: str, found: str) -> None:
    assert words(text) == found.split()


def test_a_word_in_its_forms_is_one_stem() -> None:
    assert stems("warranty holidays repaired eating") == stems("warranties holiday repairs eat")
    assert stems("1204b 17") == ["1204b", "17"]


def test_content_is_what_a_text_is_about() -> None:
    assert content_stems("What is not covered by the warranty, and what is covered by warranties?") == [
        "cover",
        "warranti",
    ]
    assert content_stems("Who are you?") == []


@pytest.mark.parametrize("text", ["What isn't covered?", "Nothing.", "all except Sundays", "I cannot"])
def test_a_negation_is_kept(text: str) -> None:
    assert is_negated(text)
    assert not is_negated("Is everything covered on Sundays?")
