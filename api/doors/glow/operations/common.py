"""What many operations need: one's own chat, its time, and short refusals."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from api.doors.glow.operations.shapes import GradeData, Timer
from api.service import Service
from models.errors import Conflict, Invalid, NotFound
from models.records.core import Attempt, Chat, Message, Simulation, User
from models.records.outcomes import Grade
from models.records.resources import GENERAL_RUBRIC, Rubric, rubric_of
from pipeline.chats.chats import CHAT_ENDED

NOT_IN_ATTEMPT = "There is no such chat in this attempt; leave attempt_id out or give the right one."
TIME_IS_UP = "The time for this chat is up: go on to the next one, or end the attempt."


def required(value: str | None, sentence: str) -> str:
    """The value, which must not be empty.

    Raises:
        Invalid: it is missing or blank; the message is `sentence`.
    """
    if value is None or not value.strip():
        raise Invalid(sentence)
    return value


async def own_chat(service: Service, user: User, chat_id: str, attempt_id: str | None = None) -> Chat:
    """One of the user's chats, of this attempt where one is given.

    Raises:
        NotFound: unknown, another user's, or of another attempt.
    """
    chat = await service.store.chat(user.id, chat_id)
    if attempt_id is not None and attempt_id != chat.attempt_id:
        raise NotFound(NOT_IN_ATTEMPT)
    return chat


async def open_chat(service: Service, user: User, chat_id: str, attempt_id: str | None = None) -> Chat:
    """One of the user's chats that may still be spoken in; its time runs from now on.

    Raises:
        NotFound: unknown, another user's, or of another attempt.
        Conflict: it has ended, or its time is up (which ends it).
    """
    chat = await own_chat(service, user, chat_id, attempt_id)
    if chat.completed_at is not None:
        raise Conflict(CHAT_ENDED)
    attempt = await service.store.attempt(user.id, chat.attempt_id)
    simulation = await service.store.simulation(attempt.simulation_id)
    if timer_of(chat, attempt, simulation, service.store.now()).expired:
        await service.store.complete_chat(chat_id, TIME_IS_UP)
        raise Conflict(TIME_IS_UP)
    if chat.started_at is None:
        chat = await service.store.open_chat(chat_id)
    return chat


def timer_of(chat: Chat, attempt: Attempt, simulation: Simulation, now: datetime) -> Timer:
    """How much time the chat has; an attempt in infinite mode has no limit."""
    limit = None if attempt.infinite_mode else simulation.time_limit_s
    started = chat.started_at
    if limit is None or started is None:
        return Timer(time_limit_seconds=limit, started_at=started.isoformat() if started else None)
    ends = started + timedelta(seconds=limit)
    left = max(0, round((ends - (chat.completed_at or now)).total_seconds()))
    return Timer(
        time_limit_seconds=limit,
        started_at=started.isoformat(),
        ends_at=ends.isoformat(),
        remaining_seconds=left,
        expired=chat.completed_at is None and now >= ends,
    )


async def rubric_for(service: Service, simulation_id: str) -> Rubric:
    """What chats of a simulation are graded by."""
    simulation = await service.store.simulation(simulation_id)
    if simulation.rubric_id is None:
        return GENERAL_RUBRIC
    return rubric_of(await service.store.resource("rubric", simulation.rubric_id))


def time_taken_s(chat: Chat, messages: Sequence[Message], now: datetime) -> int:
    """Seconds from the chat's beginning to its end; to its last message while it has none."""
    end = chat.completed_at or (messages[-1].created_at if messages else now)
    return max(0, round((end - (chat.started_at or chat.created_at)).total_seconds()))


def grade_data(grade: Grade) -> GradeData:
    """A grade as the client knows it."""
    return GradeData(
        id=grade.id,
        score=grade.score,
        passed=grade.passed,
        description=grade.description,
        time_taken=grade.time_taken_s,
        total_points=grade.total_points,
        pass_points=grade.pass_points,
    )
