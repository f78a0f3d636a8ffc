"""Grades: by hand, or by the coach against the rubric of the chat's simulation."""

from dataclasses import dataclass, replace

from models.errors import Invalid
from models.records.core import Chat
from models.records.criteria import criterion_of
from models.records.outcomes import Grade, Note
from models.records.resources import GENERAL_RUBRIC, Rubric, rubric_of
from models.store import Store
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub
from pipeline.coach.coach import Assessment, Coach, CoachingTask, QuizItem, notes_of
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.selection import selected_ids
from pipeline.practice.timing import time_taken_s

PREVIEW_LIMIT = 200
"""Longest excerpt of a reason, in characters, in events of the progress of a grading."""


@dataclass(frozen=True, slots=True)
class Graded:
    """A chat with its new grade, and the coach's feedback if the coach gave it."""

    chat: Chat
    grade: Grade
    feedback: tuple[Note, ...] = ()


async def rubric_for(store: Store, simulation_id: str) -> Rubric:
    """Return the rubric of a simulation; the general one where it has none, or one without standards."""
    simulation = await store.simulation(simulation_id)
    if simulation.rubric_id is None:
        return GENERAL_RUBRIC
    rubric = rubric_of(await store.resource("rubric", simulation.rubric_id))
    if rubric.standards:
        return rubric
    return replace(GENERAL_RUBRIC, name=f"{GENERAL_RUBRIC.name}, as “{rubric.name}” has no standards")


async def lesson_of(store: Store, chat: Chat, instructions: str = "") -> CoachingTask:
    """Return a chat as the coach's task."""
    attempt = await store.attempt(chat.user_id, chat.attempt_id)
    rubric = await rubric_for(store, attempt.simulation_id)
    context = await store.context(chat.id)
    scenario = context.scenario
    criteria = await store.resources(scenario.resources.get("criterion", ())) if scenario else ()
    asked = await store.resources(selected_ids(context.chat, scenario)["question"])
    latest = {response.question_id: response.is_correct for response in await store.responses(chat.id)} if asked else {}
    return CoachingTask(
        context,
        rubric,
        instructions,
        tuple(criterion_of(item) for item in criteria if item.kind == "criterion"),
        tuple(QuizItem(question.name, latest.get(question.id)) for question in asked),
    )


class Grading:
    """Grades chats.

    Args:
        store: where grades are kept.
        coach: grades unless a person does.
        hub: takes the events.
        own: finds the chats.
    """

    def __init__(self, store: Store, coach: Coach, hub: Hub, own: OwnChats) -> None:
        self._store = store
        self._coach = coach
        self._hub = hub
        self._own = own

    async def grade(
        self, user_id: str, chat_id: str, *, score: int | None = None, description: str = "", instructions: str = ""
    ) -> Graded:
        """Grade a chat, by hand with a score, else by the coach, standard by standard; publish to its channel.

        Args:
            score, description: of a person's grade.
            instructions: what the coach should consider besides the rubric.

        Raises:
            NotFound: unknown chat, or another user's.
            Invalid: the rubric has not so many points.
        """
        chat = await self._own.find(user_id, chat_id)
        channel = ChatChannel(self._hub, chat.id, user_id)
        channel.publish("attempt_grade_start", {})
        if score is not None:
            graded = Graded(chat, await self.by_hand(chat, score, description))
        else:
            graded = await self._by_coach(chat, channel, instructions)
        grade = graded.grade
        channel.publish(
            "attempt_graded",
            {
                "artifact_type": "attempt",
                "attempt_id": chat.attempt_id,
                "grade_id": grade.id,
                "score": grade.score,
                "passed": grade.passed,
                "feedback": grade.description,
            },
        )
        return graded

    async def by_hand(
        self,
        chat: Chat,
        score: int,
        description: str = "",
        *,
        passed: bool | None = None,
        taken_s: int | None = None,
    ) -> Grade:
        """Store a person's score, without an event.

        Args:
            passed: the person's verdict; None for the rubric's.
            taken_s: seconds that the chat took; None for the measured time.

        Raises:
            Invalid: the rubric has not so many points.
        """
        attempt = await self._store.attempt(chat.user_id, chat.attempt_id)
        rubric = await rubric_for(self._store, attempt.simulation_id)
        limits = f"Pass threshold is {rubric.pass_points}."
        if score > rubric.total_points:
            raise Invalid(f"Score {score} exceeds maximum of {rubric.total_points}. {limits}")
        if score < 0:
            raise Invalid(f"Score {score} is below the minimum of 0. {limits}")
        messages = await self._store.messages(chat.id)
        grade, _ = await self._store.add_grade(
            chat.id,
            score=score,
            passed=score >= rubric.pass_points if passed is None else passed,
            description=description,
            time_taken_s=time_taken_s(chat, messages, self._store.now()) if taken_s is None else taken_s,
            total_points=rubric.total_points,
            pass_points=rubric.pass_points,
            source="hand",
        )
        return grade

    async def _by_coach(self, chat: Chat, channel: ChatChannel, instructions: str) -> Graded:
        """Store the coach's grade with its feedback, strengths, improvements and analyses."""
        lesson = await lesson_of(self._store, chat, instructions)
        assessment = await self._coach.assess(lesson)
        rubric = lesson.rubric
        _publish_progress(channel, rubric, assessment)
        grade, notes = await self._store.add_grade(
            chat.id,
            score=assessment.score,
            passed=assessment.score >= rubric.pass_points,
            description=assessment.summary,
            time_taken_s=time_taken_s(chat, lesson.chat.messages, self._store.now()),
            total_points=rubric.total_points,
            pass_points=rubric.pass_points,
            source="coach",
            notes=notes_of(assessment),
        )
        return Graded(chat, grade, tuple(note for note in notes if note.kind == "feedback"))


def _publish_progress(channel: ChatChannel, rubric: Rubric, assessment: Assessment) -> None:
    names = {group.id: group.name for group in rubric.groups}
    total = len(assessment.scores)
    for done, score in enumerate(assessment.scores, 1):
        channel.publish(
            "attempt_grading_progress",
            {
                "type": "standard_graded",
                "standard_group_name": names.get(score.standard.group_id, ""),
                "score": score.points,
                "completed_count": done,
                "total_count": total,
                "feedback_preview": score.reason[:PREVIEW_LIMIT],
                "summary": "",
            },
        )
    channel.publish(
        "attempt_grading_progress",
        {
            "type": "complete",
            "standard_group_name": "",
            "score": assessment.score,
            "completed_count": total,
            "total_count": total,
            "feedback_preview": "",
            "summary": assessment.summary,
        },
    )
