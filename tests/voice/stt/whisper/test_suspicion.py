"""Which transcripts look as a short window spoils them."""

import pytest

from voice.stt.whisper.suspicion import is_sparse, repeats_itself


@pytest.mark.parametrize(
    "text",
    [
        "10 10 10",
        "Hamel Hamel",
        "No matter. No matter.",
        "Press 1 to send a reply. Press 1 to send a reply.",
        "Press one to enter an extension. Press one to enter an extension. Thank",
    ],
)
def test_a_text_that_repeats_itself(text: str) -> None:
    assert repeats_itself(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "4, 1, 5, 5, 5, 5, 2, 6, 7, 1.",
        "Press 1 to enter an extension, press 2 to use the directory.",
        "it was very very good",
        "bye bye then",
        "that that is is",
    ],
)
def test_a_text_that_does_not(text: str) -> None:
    assert not repeats_itself(text)


@pytest.mark.parametrize(
    ("text", "speech_s", "sparse"),
    [("of the", 6.5, True), ("", 4.0, True), ("of the", 2.0, False), ("S M I T H", 3.5, False), ("", 0.0, False)],
)
def test_far_fewer_words_than_were_said(text: str, speech_s: float, sparse: bool) -> None:
    assert is_sparse(text, speech_s) == sparse
