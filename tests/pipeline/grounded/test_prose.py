"""Where the sentences of written text end, and which of them another text repeats."""

import pytest

from pipeline.grounded.prose import quoted, sentence_ends, sentences

LAW = (
    "**What it is.** The act is a law of the\nstate. It gives rights at schools with funds from the U.S. Department, "
    "e.g. in\nDr. May's."
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It takes 3.5 days. Write to help@example.com.", ["It takes 3.5 days.", "Write to help@example.com."]),
        ("Ask Dr. May. She knows.", ["Ask Dr. May.", "She knows."]),
        ('He said "Stop." Then he left', ['He said "Stop."', "Then he left"]),
        ("# A heading\n\n- a *point*\n- another.", ["a point", "another."]),
        (
            LAW,
            [
                "The act is a law of the state.",
                "It gives rights at schools with funds from the U.S. Department, e.g. in Dr. May's.",
            ],
        ),
        ("", []),
    ],
)
def test_no_word_of_a_sentence_is_lost(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_an_end_is_the_place_after_its_stop() -> None:
    assert sentence_ends("Yes. No (he said.) Mr. X") == [4, 18]


def test_each_repeated_sentence_is_found_where_it_is() -> None:
    text = "From “Law”: The act is a law of the state. And more."
    assert [text[start:end] for start, end in quoted(LAW, text)] == ["The act is a law of the state."]
    assert quoted(LAW, "A law, says the state.") == []
    assert quoted("It is. That is all there is.", "That is all there is. It is.") == [(0, 21)], "two words are chance"
