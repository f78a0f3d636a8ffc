"""Judging of answers: what is negated, opposite or contradictory is wrong, and paraphrases are right."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from models.packs.lesson_loader import load_lessons
from models.records.lessons import Mistake, Point, Question
from pipeline.tutoring.answers import judge

QUESTIONS = {
    name: question
    for lesson in load_lessons()
    for chunk in lesson.chunks
    for name, question in [
        (f"{lesson.slug}/{chunk.id}", chunk.question),
        *((f"{lesson.slug}/{chunk.id}/{place}", exercise) for place, exercise in enumerate(chunk.exercises)),
    ]
}
HELD_OUT, MORE, FRESH = (
    yaml.safe_load((Path(__file__).parent / name).read_text("utf-8"))
    for name in ("held_out_answers.yaml", "more_answers.yaml", "fresh_answers.yaml")
)


QUESTION = Question(
    "text",
    "What must be true of the list, and who says so?",
    (Point(("sorted", "in order")), Point(("permission",), even_negated=True)),
    "Sorted, by permission.",
    reject=(Mistake(("random",), "Not that."),),
)


@pytest.mark.parametrize(
    ("answer", "fault", "score"),
    [
        ("Sorted, with permission.", "", 1.0),
        ("In order, not without permission.", "", 1.0),
        ("Sorted, without permission.", "", 1.0),
        ("Sorted.", "incomplete", 0.5),
        ("Not sorted, with permission.", "opposite", 0.0),
        ("Sorted and not sorted, with permission.", "opposite", 0.0),
        ("Sorted or random, with permission.", "mistake", 0.0),
        ("Sorted, not random, with permission.", "", 1.0),
        ("what must be true of the list", "echo", 0.0),
        ("", "incomplete", 0.0),
    ],
)
def test_faults(answer: str, fault: str, score: float) -> None:
    judged = judge(QUESTION, answer)
    assert (judged.fault, judged.score) == (fault, score)
    assert judged.reply == ("Not that." if fault == "mistake" else "")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("low = mid + 1  # past the middle", True),
        ("# move the mark\nlow = mid + 1", True),
        ("# low = mid + 1", False),
        ("// low = mid + 1", False),
        ("low = mid  # low = mid + 1", False),
    ],
)
def test_a_comment_is_no_code(answer: str, right: bool) -> None:
    assert judge(QUESTIONS["binary-search/code"], answer).right is right


def test_a_percentage_is_no_count() -> None:
    assert not judge(QUESTIONS["binary-search/cost"], "20% of the list").right


def test_a_very_long_answer_is_read_to_a_limit() -> None:
    assert judge(QUESTION, "word " * 200_000 + "sorted permission").found == 0


def test_every_question_has_answers_that_no_pattern_was_written_by() -> None:
    assert set(HELD_OUT) == set(QUESTIONS)
    assert all(min(len(answers["right"]), len(answers["wrong"])) >= 3 for answers in HELD_OUT.values())


@pytest.mark.parametrize("written", [HELD_OUT, MORE, FRESH], ids=["held out", "more", "fresh"])
def test_answers_are_judged_as_people_would(written: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    wrong = [
        f"{name}: {answer!r} is not {verdict}"
        for name, answers in written.items()
        for verdict in ("right", "wrong")
        for answer in answers[verdict]
        if judge(QUESTIONS[name], answer).right is not (verdict == "right")
    ]
    assert not wrong
