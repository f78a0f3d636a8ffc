"""The learner's sentences: where they end, what asks, and what is said to somebody."""

from datetime import UTC, datetime

import pytest

from models.records.core import Message
from pipeline.coach.evidence import counted
from pipeline.coach.speech import sentences

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def message(text: str) -> Message:
    return Message("m", "c", "user", text, "typed", NOON)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello. Who is it?", ["Hello.", "Who is it?"]),
        ("Good morning, Mrs. Whitfield, come in. Sit down.", ["Good morning, Mrs. Whitfield, come in.", "Sit down."]),
        ("It costs 3.50 today.", ["It costs 3.50 today."]),
        ("Well... I see!", ["Well...", "I see!"]),
        ("Dr.", ["Dr."]),
        ("... !", []),
    ],
)
def test_sentences(text: str, found: list[str]) -> None:
    assert [sentence.text for sentence in sentences([message(text)])] == found


@pytest.mark.parametrize(
    ("text", "asks", "is_open"),
    [
        ("What happened?", True, True),
        ("Okay, Mrs. Bell, and how long has that been going on?", True, True),
        ("I see, so what did he say?", True, True),
        ("Tell me more about it.", True, True),
        ("Dana, what worries you most", True, True),
        ("what did he say then", True, True),
        ("i am sorry to hear that what did he say", True, True),
        ("this is the records office how can i help you", True, True),
        ("i can send it to you do you want that", True, False),
        ("Do you know when he left?", True, False),
        ("You are Mrs. Bell, right?", True, False),
        ("did you sleep", True, False),
        ("When he enrolled, the rights became his own.", False, False),
        ("What a pity.", False, False),
        ("That is what he said.", False, False),
        ("Which is why I ask.", False, False),
        ("I will see what I can do.", False, False),
        ("I know how hard it is", False, False),
    ],
)
def test_questions(text: str, asks: bool, is_open: bool) -> None:
    (sentence,) = sentences([message(text)])
    assert (sentence.asks, sentence.is_open) == (asks, is_open)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("I can hear how worried you are.", True),
        ("Good morning!", True),
        ("Records office, Maria speaking.", True),
        ("That sounds hard.", True),
        ("Receipt, please.", True),
        ("sorry understand release form permission consent", False),
        ("release form", False),
        ("what how why when", False),
        ("Warranty: repair, replacement, refund, receipt, order number.", False),
        ("Recognise the worry before explaining the rule.", False),
    ],
)
def test_what_is_said_to_somebody(text: str, counts: bool) -> None:
    assert (
        bool(counted([*sentences([message(text)])], ["Recognise the parent's worry before explaining the rule."]))
        is counts
    )


def test_a_very_long_message_is_read_in_time_that_grows_with_it() -> None:
    for text in ("good morning " * 4_000, "mr x " * 4_000, "." * 9_000 + " a", "a.b" * 4_000, "what " * 4_000):
        assert isinstance(counted([*sentences([message(text)])]), tuple)
