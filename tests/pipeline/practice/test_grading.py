"""Grades: by hand within the rubric, by the coach the same each time, and what the room hears."""

import pytest

from models.errors import Invalid, NotFound
from models.records.core import Scenario, Simulation
from models.records.criteria import Criterion, Prohibition, criterion_resource
from models.records.resources import GENERAL_RUBRIC, Rubric, Standard, StandardGroup, resource_of
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place


def test_by_hand_within_the_rubric(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, grading = (await place.start()).chats[0], place.practice.grading
        await place.say(chat.id, "Good morning.")
        place.forward(30)
        await place.say(chat.id, "Why are you late?")
        for score, passed in ((0, False), (59, False), (60, True), (100, True)):
            graded = await grading.grade(place.ada.id, chat.id, score=score, description="By me.")
            assert (graded.grade.score, graded.grade.passed, graded.grade.source) == (score, passed, "hand")
            assert graded.grade.time_taken_s == 30, "to its last message, while it has no end"
        assert place.coach.asked == 0
        own = await grading.by_hand(chat, 10, passed=True, taken_s=7)
        assert (own.passed, own.time_taken_s) == (True, 7)
        for score, sentence in ((101, "Score 101 exceeds maximum of 100"), (-1, "Score -1 is below the minimum")):
            with pytest.raises(Invalid, match=sentence):
                await grading.grade(place.ada.id, chat.id, score=score)
        with pytest.raises(NotFound):
            await grading.grade(place.bob.id, chat.id, score=1)

    run(story())


def test_the_coach_gets_the_quiz_and_what_the_scenario_forbids(run: Run, place: Place) -> None:
    never = Prohibition("lazy", "You called him lazy.", "What kept you?")
    rule = criterion_resource("c1", Criterion("Stay polite.", never=(never,)))
    standards = (Standard("quiz", "g", "Quiz", 10, measure="quiz"), Standard("goal", "g", "Goal", 10))
    rubric = Rubric("r", "Care", 20, 10, groups=(StandardGroup("g", "G", 20, standards=standards),))
    scenario = Scenario(
        "late", "Mo is late", objectives=("Stay polite.",), persona_ids=("mo",),
        resources={"question": ("q1",), "criterion": ("c1",)},
    )  # fmt: skip

    async def story() -> None:
        await place.store.install(
            resources=[rule, resource_of(rubric)],
            scenarios=[scenario],
            simulations=[Simulation("desk", "The desk", scenario_ids=("late", "left"), rubric_id="r")],
        )
        chat = (await place.start()).chats[0]
        for said in ("Why are you late?", "I see, and what happened?", "You are lazy, I think."):
            await place.say(chat.id, said)
        for option, points in (("o2", 0), ("o1", 10)):
            await place.practice.questions.respond(place.ada.id, chat.id, "q1", [option])
            graded = await place.practice.grading.grade(place.ada.id, chat.id)
            assert [note.data["total"] for note in graded.feedback] == [points, 0], "the latest answer counts"
        assert "You called him lazy." in graded.grade.description
        broken, *_ = await place.practice.coaching.improvements(place.ada.id, chat.id)
        assert broken.message_id is not None
        assert broken.data["replacements"] == [
            {"section": "You are lazy, I think.", "replace": "What kept you?", "idx": 0}
        ]

    run(story())


def test_a_rubric_without_standards_is_replaced_by_the_general_one(run: Run, place: Place) -> None:
    async def story() -> None:
        await place.store.install(
            resources=[resource_of(Rubric("r", "Empty", 0, 0))],
            simulations=[Simulation("desk", "The desk", scenario_ids=("late", "left"), rubric_id="r")],
        )
        chat = (await place.start()).chats[0]
        await place.say(chat.id, "Why was the bus late?")
        graded = await place.practice.grading.grade(place.ada.id, chat.id)
        assert len(graded.feedback) == len(GENERAL_RUBRIC.standards)
        assert (graded.grade.total_points, graded.grade.passed) == (100, graded.grade.score >= 60)

    run(story())


def test_by_the_coach_standard_by_standard(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        await place.say(chat.id, "Why was the bus late?")
        await place.told()
        graded = await place.practice.grading.grade(place.ada.id, chat.id)
        events = await place.told()
        standards = [standard.id for standard in GENERAL_RUBRIC.standards]
        assert [note.data["standard_id"] for note in graded.feedback] == standards
        assert graded.grade.score == sum(note.data["total"] for note in graded.feedback)
        assert [event.name for event in events] == [
            "attempt_grade_start",
            *["attempt_grading_progress"] * (len(standards) + 1),
            "attempt_graded",
        ]
        counted = [event.payload["completed_count"] for event in events[1:-1]]
        assert counted == [1, 2, 3, 4, 4]
        assert events[-1].payload["grade_id"] == graded.grade.id
        again = await place.practice.grading.grade(place.ada.id, chat.id)
        assert (again.grade.score, again.grade.description) == (graded.grade.score, graded.grade.description)
        assert len(await place.store.notes([chat.id], "feedback")) == len(standards), "a grading replaces the last one"

    run(story())
