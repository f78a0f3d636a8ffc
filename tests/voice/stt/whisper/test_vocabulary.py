"""What is taken of a look that was told the call's names, and what is not."""

import pytest

from voice.stt.whisper.vocabulary import with_terms

CLINIC = "Ruth Penhallow, The clinic, Your abdominal ultrasound"
OFFICE = "Dana Whitfield, The records office, FERPA in one page"


@pytest.mark.parametrize(
    ("heard", "told", "vocabulary", "text"),
    [
        ("Ruth Penello, please come in.", "Ruth Penhallow, Please come in", CLINIC, "Ruth Penhallow, please come in."),
        ("Penal lo is that right?", "Penhallow is that right?", CLINIC, "Penhallow is that right?"),
        ("Good morning, Mr. Val.", "Good morning, Mr. Bell.", "Marcus Bell", "Good morning, Mr. Bell."),
        ("under further I cannot", "Under FERPA I cannot", OFFICE, "under FERPA I cannot"),
        ("Is this Mrs Whit field’s son", "Is this Mrs Whitfield's son", OFFICE, "Is this Mrs Whit field’s son"),
    ],
    ids=["a name", "two words for one", "a short name", "an acronym", "another form than the vocabulary's"],
)
def test_a_word_that_sounded_like_a_term_is_the_term(heard: str, told: str, vocabulary: str, text: str) -> None:
    assert with_terms(heard, told, vocabulary) == text


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ("period was so far like the present period", "of the"),
        ("Hello", "Hamel Hamel"),
        ("Thank you very much.", "Dana Whitfield"),
        ("Yes.", "The records office, FERPA in one page"),
        ("you", "Dana Whitfield, The records office, FERPA in one page"),
        ("I cannot tell you.", "I can not tell you"),
        ("", "Dana Whitfield"),
        ("Hello Dana.", ""),
    ],
    ids=["swallowed", "doubled", "babble", "the vocabulary", "all of it", "no term", "nothing heard", "nothing told"],
)
def test_nothing_else_is_believed(heard: str, told: str) -> None:
    assert with_terms(heard, told, OFFICE) == heard


def test_only_the_terms_are_taken() -> None:
    heard = "Ruth Penello, I would like to see you at nine."
    told = "Ruth Penhallow I would like to sea you at 9"
    assert with_terms(heard, told, CLINIC) == "Ruth Penhallow, I would like to see you at nine."
