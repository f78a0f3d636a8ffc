"""What reads as finished, and what does not."""

import json
from pathlib import Path

import pytest

from pipeline.turn.end_of_turn import EndOfTurn, Verdict, judge_text

MANIFEST = Path(__file__).parents[3] / "voice" / "recordings" / "manifest.json"
LINES = sorted({entry["text"] for entry in json.loads(MANIFEST.read_text()) if "/turns/" not in entry["file"]})


@pytest.mark.parametrize(
    "text",
    [
        "my number is",
        "i would like to",
        "because",
        "i think",
        "and another thing",
        "he can sign the form and",
        "um",
        "well,",
        "the order number is 55 -",
        "I wanted to ask whether",
    ],
)
def test_unfinished(text: str) -> None:
    assert judge_text(text) is Verdict.UNFINISHED


QUESTIONS = [line for line in LINES if line.split()[0] in ("when", "would", "can", "how", "does", "do", "is", "what")]


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "goodbye",
        "thank you",
        "is that all?",
        "can you repeat that please",
        "okay thank you for your patience",
        "I lost my card. Can you send me a new one?",
        *QUESTIONS,
    ],
)
def test_complete(text: str) -> None:
    assert judge_text(text) is Verdict.COMPLETE


@pytest.mark.parametrize("text", LINES)
def test_no_whole_line_reads_as_unfinished(text: str) -> None:
    assert judge_text(text) is not Verdict.UNFINISHED


@pytest.mark.parametrize(
    "text",
    [
        "can you tell me",
        "could you please",
        "can you tell me how long",
        "i have tried to",
        "they told us that the",
        "my number is four seven",
        "i am calling because my bill",
        "it is the first",
        "how much would it",
        "the road is",
        "i would like to speak with um",
        "do you have any",
        "what is the main reason that",
        "five five five one two",
        "...5",
        "i'm going to",
        "she wants",
    ],
)
def test_what_hangs_is_unfinished(text: str) -> None:
    assert judge_text(text) is Verdict.UNFINISHED


@pytest.mark.parametrize(
    "text",
    [
        "yes i can",
        "no i have not",
        "it does not turn on",
        "i think so",
        "tell me more about that",
        "did you get the email that you sent",
        "what should i get",
        "i did not know that",
        "you can come in",
        "Mi número es 45.",
    ],
)
def test_what_may_stand_last_does_not_hang(text: str) -> None:
    assert judge_text(text) is not Verdict.UNFINISHED


@pytest.mark.parametrize("text", ["", "a red one", "it costs 45"])
def test_unsure(text: str) -> None:
    assert judge_text(text) is Verdict.UNSURE


@pytest.mark.parametrize(
    ("text", "ending", "verdict"),
    [
        ("a red one", 0.9, Verdict.COMPLETE),
        ("a red one", 0.1, Verdict.UNFINISHED),
        ("a red one", 0.5, Verdict.UNSURE),
        ("what seems to be the problem", 0.1, Verdict.UNFINISHED),
        ("i need a new charger for it", 0.9, Verdict.COMPLETE),
        ("my number is", 0.9, Verdict.UNFINISHED),
    ],
)
def test_a_model_and_the_text_have_one_verdict(text: str, ending: float, verdict: Verdict) -> None:
    assert EndOfTurn().verdict(text, ending) is verdict
