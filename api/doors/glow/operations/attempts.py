"""The attempt's own operations: start, get, next, join, leave, end, end_all, complete, use_previous, grade."""

from api.doors.glow.operations.chats import chat_reply
from api.doors.glow.operations.coaching import analyses_of, feedback_of, improvements_of, strengths_of
from api.doors.glow.operations.common import grade_data, timer
from api.doors.glow.operations.message_data import (
    analysis_item,
    feedback_item,
    hint_item,
    improvement_item,
    message_data,
    strength_item,
)
from api.doors.glow.operations.shapes import ChatData, MessageData, RubricItem, StandardGroupItem, StandardItem, Success
from api.doors.glow.operations.shapes_attempts import (
    AttemptBody,
    AttemptCompleteBody,
    AttemptCompleteReply,
    AttemptData,
    AttemptEntries,
    AttemptGetReply,
    AttemptGradeBody,
    AttemptGradeReply,
    EndAllBody,
    EndAllReply,
    EndBody,
    EndReply,
    JoinBody,
    NextBody,
    NextReply,
    RunData,
    SimulationData,
    StartBody,
    StartReply,
    UsePreviousBody,
    UsePreviousReply,
)
from api.service import Service
from models.records.core import Attempt, Chat, Simulation, User
from models.records.outcomes import Grade
from models.records.resources import Rubric, derived_id
from pipeline.chats.events import ChatChannel
from pipeline.practice.ending import ChatVerdict
from pipeline.practice.overview import AttemptOverview


async def start(service: Service, user: User, body: StartBody) -> StartReply:
    """Begin an attempt at a home's or a practice's simulation: one chat for each of its scenarios."""
    service.access.check_practice(service.grant, body.practice_id)
    attempt = await service.practice.attempts.start(
        user.id,
        home_id=body.home_id,
        practice_id=body.practice_id,
        infinite_mode=body.infinite_mode,
        draft_id=body.draft_id,
    )
    await service.access.started(service.grant, *(chat.id for chat in attempt.chats))
    first = attempt.chats[0]
    return StartReply(
        attempt_id=attempt.id,
        chat_id=first.id,
        chat_entry_id=first.id,
        attempt_chat_id=first.id,
        chat_ids=[chat.id for chat in attempt.chats],
    )


async def get(service: Service, user: User, body: AttemptBody) -> AttemptGetReply:
    """Get an attempt with its chats, messages, grades and notes."""
    overviews = service.practice.overviews
    seen = await overviews.attempt(user.id, body.attempt_id)
    current = await overviews.chat(user.id, seen.current.id) if seen.current else None
    return AttemptGetReply(
        attempt=_attempt(seen.attempt),
        simulation=_simulation(seen.simulation),
        rubric=rubric_item(seen.rubric),
        timer=timer(seen.time),
        current_chat_id=current.chat.id if current else None,
        resources=chat_reply(user, current) if current else None,
        entries=_entries(user, seen),
    )


def _attempt(attempt: Attempt) -> AttemptData:
    return AttemptData(
        id=attempt.id,
        created_at=attempt.created_at.isoformat(),
        completed=attempt.ended_at is not None,
        ended_at=attempt.ended_at.isoformat() if attempt.ended_at else None,
        infinite_mode=attempt.infinite_mode,
        simulation_id=attempt.simulation_id,
        message=attempt.completion_message,
    )


def _simulation(simulation: Simulation) -> SimulationData:
    return SimulationData(
        simulation_id=simulation.id,
        name=simulation.name,
        description=simulation.description,
        time_limit_seconds=simulation.time_limit_s,
        scenario_ids=list(simulation.scenario_ids),
    )


def _entries(user: User, seen: AttemptOverview) -> AttemptEntries:
    notes, grades = seen.notes, seen.grades
    messages: list[MessageData] = []
    for context in seen.contexts:
        own = [note for note in notes if note.chat_id == context.chat.id]
        messages += message_data(context.messages, own, context.speakers, user.name)
    return AttemptEntries(
        attempt_chat=[chat_data(chat, grades.get(chat.id)) for chat in seen.attempt.chats],
        attempt_message=messages,
        attempt_grade=[grade_data(grades[chat.id]) for chat in seen.attempt.chats if chat.id in grades],
        attempt_feedback=[feedback_item(note) for note in notes if note.kind == "feedback"],
        attempt_strength=[strength_item(note) for note in notes if note.kind == "strength"],
        attempt_improvement=[improvement_item(note) for note in notes if note.kind == "improvement"],
        attempt_analysis=[analysis_item(note) for note in notes if note.kind == "analysis"],
        attempt_hint=[hint_item(note) for note in notes if note.kind == "hint"],
        runs=[RunData(run_id=run.name.run_id, group_id=run.name.group_id, chat_id=run.chat_id) for run in seen.runs],
    )


async def next_chat(service: Service, user: User, body: NextBody) -> NextReply:
    """Go on to the next chat that is not complete, and let its time run; in infinite mode there is always one."""
    chat = await service.practice.attempts.next(user.id, body.attempt_id, body.draft_id)
    chat_id = chat.id if chat else None
    return NextReply(attempt_id=body.attempt_id, chat_id=chat_id, all_scenarios_complete=chat is None)


async def join(service: Service, user: User, body: JoinBody) -> Success:
    """Join a chat's room; joining again is harmless. Over HTTP it only checks that the user may."""
    await service.practice.own.find(user.id, body.chat_id)
    ChatChannel(service.hub, body.chat_id, user.id).publish("attempt_joined", {"success": True})
    return Success()


async def leave(service: Service, user: User, body: JoinBody) -> Success:
    """Leave a chat's room."""
    await service.practice.own.find(user.id, body.chat_id)
    return Success()


async def end(service: Service, user: User, body: EndBody) -> EndReply:
    """End one chat and grade it: by the coach, or by hand as the body says."""
    verdict = ChatVerdict(
        by_coach=body.grade,
        score=body.score,
        passed=body.passed,
        taken_s=body.time_taken,
        feedback=feedback_of(body.feedbacks) or (),
        strengths=strengths_of(body.strengths) or (),
        improvements=improvements_of(body.improvements) or (),
        analyses=analyses_of(body.analyses) or (),
    )
    ended = await service.practice.ending.end_chat(user.id, body.chat_id, body.attempt_id, verdict)
    grade = ended.grade
    return EndReply(
        chat_id=ended.chat.id,
        is_attempt_finished=ended.finished,
        grade_id=grade.id if grade else None,
        score=grade.score if grade else None,
        passed=grade.passed if grade else None,
        message=ended.message,
    )


async def end_all(service: Service, user: User, body: EndAllBody) -> EndAllReply:
    """End every chat of an attempt; grade those with messages of the learner."""
    ended = await service.practice.ending.end_all(user.id, body.attempt_id)
    return EndAllReply(attempt_id=ended.attempt.id, all_scenarios_complete=ended.all_begun, message=ended.message)


async def complete(service: Service, user: User, body: AttemptCompleteBody) -> AttemptCompleteReply:
    """Mark an attempt and all its chats complete, without grading."""
    completed = await service.practice.ending.complete(user.id, body.attempt_id, body.message)
    return AttemptCompleteReply(
        attempt_id=body.attempt_id,
        completion_id=derived_id(body.attempt_id, "completion"),
        completed_chat_ids=list(completed),
    )


async def grade(service: Service, user: User, body: AttemptGradeBody) -> AttemptGradeReply:
    """Grade a chat of an attempt: the given one, else the last with messages of the learner."""
    asked = body.user_instructions
    instructions = "\n".join(asked) if isinstance(asked, list) else asked
    graded = await service.practice.ending.grade(
        user.id, body.attempt_id, chat_id=body.chat_id, instructions=instructions or ""
    )
    given = graded.grade
    return AttemptGradeReply(chat_id=graded.chat.id, grade_id=given.id, score=given.score, passed=given.passed)


async def use_previous(service: Service, user: User, body: UsePreviousBody) -> UsePreviousReply:
    """Take over the messages and grades of earlier chats on the same scenarios."""
    await service.practice.attempts.use_previous(user.id, body.attempt_id, body.previous_chat_map)
    return UsePreviousReply(chat_ids=list(body.previous_chat_map))


def chat_data(chat: Chat, graded: Grade | None) -> ChatData:
    """Render a chat of an attempt."""
    return ChatData(
        id=chat.id,
        attempt_id=chat.attempt_id,
        name=chat.name,
        scenario_id=chat.scenario_id,
        position=chat.position,
        created_at=chat.created_at.isoformat(),
        completed=chat.completed_at is not None,
        completed_at=chat.completed_at.isoformat() if chat.completed_at else None,
        grade=grade_data(graded) if graded else None,
        previous_attempt_chat_id=chat.previous_chat_id,
    )


def rubric_item(rubric: Rubric) -> RubricItem:
    """Render a rubric with its groups and standards."""
    return RubricItem(
        rubric_id=rubric.id,
        name=rubric.name,
        description=rubric.description,
        total_points=rubric.total_points,
        pass_points=rubric.pass_points,
        standard_groups=[
            StandardGroupItem(
                standard_group_id=group.id,
                name=group.name,
                description=group.description,
                points=group.points,
                pass_points=group.pass_points,
            )
            for group in rubric.groups
        ],
        standards=[
            StandardItem(
                standard_id=standard.id,
                standard_group_id=standard.group_id,
                name=standard.name,
                description=standard.description,
                points=standard.points,
            )
            for standard in rubric.standards
        ],
    )
