"""The attempt's own operations: start, get, next, join, leave, end, end_all, complete, use_previous, grade."""

from collections.abc import Sequence

from api.doors.glow.operations.chats import chat_get, check_choices, end_conversation
from api.doors.glow.operations.coaching import (
    analyses_of,
    chat_grade,
    feedback_of,
    improvements_of,
    strengths_of,
)
from api.doors.glow.operations.common import grade_data, timer
from api.doors.glow.operations.message_data import (
    analysis_item,
    feedback_item,
    hint_item,
    improvement_item,
    message_data,
    strength_item,
)
from api.doors.glow.operations.selection import configuration_of
from api.doors.glow.operations.shapes import ChatData, RubricItem, StandardGroupItem, StandardItem, Success, Timer
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
from api.doors.glow.operations.shapes_chats import ChatGetBody
from api.doors.glow.operations.shapes_coaching import ChatGradeBody
from api.service import Service
from models.records.core import Attempt, Chat, User
from models.records.outcomes import Grade
from models.records.resources import Rubric, derived_id
from pipeline.chats.events import ChatRoom
from pipeline.chats.hub import profile_room
from pipeline.practice.grading import rubric_for
from pipeline.practice.timing import time_of

ALL_DONE = "Every scenario of this attempt is complete."


async def start(service: Service, user: User, body: StartBody) -> StartReply:
    """Begin an attempt at a home's or a practice's simulation: one chat for each of its scenarios."""
    draft = await service.store.draft(user.id, body.draft_id) if body.draft_id else None
    attempt = await service.store.start_attempt(
        user.id, home_id=body.home_id, practice_id=body.practice_id, infinite_mode=body.infinite_mode
    )
    first = attempt.chats[0]
    if draft is not None:
        await _apply_draft(service, user, first, draft.id)
    told = {"attempt_id": attempt.id, "chat_entry_id": first.id}
    service.rooms.publish(profile_room(user.id), "attempt_started", told, user_id=user.id, entity_id=attempt.id)
    return StartReply(
        attempt_id=attempt.id,
        chat_id=first.id,
        chat_entry_id=first.id,
        attempt_chat_id=first.id,
        chat_ids=[chat.id for chat in attempt.chats],
    )


async def get(service: Service, user: User, body: AttemptBody) -> AttemptGetReply:
    """An attempt with its chats, messages, grades and what was noted."""
    store = service.store
    attempt = await store.attempt(user.id, body.attempt_id)
    simulation = await store.simulation(attempt.simulation_id)
    rubric = await rubric_for(service.store, simulation.id)
    ids = [chat.id for chat in attempt.chats]
    grades, notes = await store.grades_of(ids), await store.notes(ids)
    current = next((chat for chat in attempt.chats if chat.completed_at is None), None)
    messages = []
    for chat in attempt.chats:
        context = await store.context(chat.id)
        own = [note for note in notes if note.chat_id == chat.id]
        messages += message_data(context.messages, own, context.personas, user.name)
    runs = [run for chat in attempt.chats for run in service.chats.runs_of(chat.id)]
    return AttemptGetReply(
        attempt=AttemptData(
            id=attempt.id,
            created_at=attempt.created_at.isoformat(),
            completed=attempt.ended_at is not None,
            ended_at=attempt.ended_at.isoformat() if attempt.ended_at else None,
            infinite_mode=attempt.infinite_mode,
            simulation_id=attempt.simulation_id,
            message=attempt.completion_message,
        ),
        simulation=SimulationData(
            simulation_id=simulation.id,
            name=simulation.name,
            description=simulation.description,
            time_limit_seconds=simulation.time_limit_s,
            scenario_ids=list(simulation.scenario_ids),
        ),
        rubric=rubric_item(rubric),
        timer=timer(time_of(current, attempt, simulation, store.now())) if current else Timer(),
        current_chat_id=current.id if current else None,
        resources=await chat_get(service, user, ChatGetBody(chat_entry_id=current.id)) if current else None,
        entries=AttemptEntries(
            attempt_chat=[chat_data(chat, grades.get(chat.id)) for chat in attempt.chats],
            attempt_message=messages,
            attempt_grade=[grade_data(grades[ident]) for ident in ids if ident in grades],
            attempt_feedback=[feedback_item(note) for note in notes if note.kind == "feedback"],
            attempt_strength=[strength_item(note) for note in notes if note.kind == "strength"],
            attempt_improvement=[improvement_item(note) for note in notes if note.kind == "improvement"],
            attempt_analysis=[analysis_item(note) for note in notes if note.kind == "analysis"],
            attempt_hint=[hint_item(note) for note in notes if note.kind == "hint"],
            runs=[RunData(run_id=run.name.run_id, group_id=run.name.group_id, chat_id=run.chat_id) for run in runs],
        ),
    )


async def next_chat(service: Service, user: User, body: NextBody) -> NextReply:
    """Go on to the next chat that is not complete, and let its time run; in infinite mode there is always one."""
    store = service.store
    attempt = await store.attempt(user.id, body.attempt_id)
    left = [] if attempt.ended_at is not None else [chat for chat in attempt.chats if chat.completed_at is None]
    current = [chat for chat in left if chat.started_at is not None]
    waiting = [chat for chat in left if chat.started_at is None]
    if waiting:
        chosen = waiting[0]
    elif attempt.infinite_mode and attempt.ended_at is None:
        simulation = await store.simulation(attempt.simulation_id)
        scenario_id = simulation.scenario_ids[len(attempt.chats) % len(simulation.scenario_ids)]
        scenario = await store.scenario(scenario_id)
        chosen = await store.add_chat(user.id, attempt.id, scenario_id=scenario_id, name=scenario.name)
    elif current:
        chosen = current[-1]
    else:
        told = {"attempt_id": attempt.id, "success": True, "all_scenarios_complete": True, "message": ALL_DONE}
        service.rooms.publish(profile_room(user.id), "attempt_ended", told, user_id=user.id, entity_id=attempt.id)
        return NextReply(attempt_id=attempt.id, chat_id=None, all_scenarios_complete=True)
    if body.draft_id is not None:
        await _apply_draft(service, user, chosen, body.draft_id)
    await store.open_chat(chosen.id)
    room = ChatRoom(service.rooms, chosen.id, user.id)
    room.tell("attempt_chat_started", {"attempt_id": attempt.id})
    return NextReply(attempt_id=attempt.id, chat_id=chosen.id)


async def join(service: Service, user: User, body: JoinBody) -> Success:
    """Join a chat's room. Over HTTP there is no room to sit in: it says whether one may; joining again is harmless."""
    await service.practice.own.find(user.id, body.chat_id)
    ChatRoom(service.rooms, body.chat_id, user.id).tell("attempt_joined", {"success": True})
    return Success()


async def leave(service: Service, user: User, body: JoinBody) -> Success:
    """Leave a chat's room."""
    await service.practice.own.find(user.id, body.chat_id)
    return Success()


async def end(service: Service, user: User, body: EndBody) -> EndReply:
    """End one chat and grade it: by the coach, or by hand with what the body holds."""
    chat = await service.practice.own.find(user.id, body.chat_id, body.attempt_id)
    await end_conversation(service, user, chat.id)
    chat = await service.store.complete_chat(chat.id)
    coaching = service.practice.coaching
    if body.feedbacks:
        await coaching.feedback(user.id, chat.id, feedback_of(body.feedbacks))
    if body.strengths:
        await coaching.strengths(user.id, chat.id, strengths_of(body.strengths))
    if body.improvements:
        await coaching.improvements(user.id, chat.id, improvements_of(body.improvements))
    if body.analyses:
        await coaching.analyses(user.id, chat.id, analyses_of(body.analyses))
    reply = EndReply(chat_id=chat.id)
    if body.score is not None:
        grade = await service.practice.grading.by_hand(chat, body.score, passed=body.passed, taken_s=body.time_taken)
        reply.grade_id, reply.score, reply.passed = grade.id, grade.score, grade.passed
    elif body.grade:
        graded = await chat_grade(service, user, ChatGradeBody(chat_id=chat.id))
        reply.grade_id, reply.score, reply.passed = graded.grade_id, graded.score, graded.passed
    attempt = await service.store.attempt(user.id, chat.attempt_id)
    finished = not attempt.infinite_mode and all(item.completed_at is not None for item in attempt.chats)
    if finished:
        await service.store.complete_attempt(user.id, attempt.id)
    reply.is_attempt_finished = finished
    room = ChatRoom(service.rooms, chat.id, user.id)
    room.tell("attempt_chat_ended", {"is_attempt_finished": finished, "grade_id": reply.grade_id})
    if finished:
        told = {"attempt_id": attempt.id, "success": True, "all_scenarios_complete": True}
        room.tell("attempt_ended", told)
    return reply


async def end_all(service: Service, user: User, body: EndAllBody) -> EndAllReply:
    """End every chat of an attempt; those in which the learner spoke are graded."""
    attempt = await service.store.attempt(user.id, body.attempt_id)
    graded = await service.store.grades_of([chat.id for chat in attempt.chats])
    for chat in _open_chats(attempt):
        await end_conversation(service, user, chat.id)
    ended = await service.store.complete_attempt(user.id, attempt.id)
    for chat in ended.chats:
        if chat.id not in graded and any(item.role == "user" for item in await service.store.messages(chat.id)):
            await chat_grade(service, user, ChatGradeBody(chat_id=chat.id))
    spoken = [chat for chat in attempt.chats if chat.started_at is not None]
    reply = EndAllReply(attempt_id=attempt.id, all_scenarios_complete=len(spoken) == len(attempt.chats))
    if not reply.all_scenarios_complete:
        reply.message = "Some scenarios were ended before they were begun."
    told = reply.model_dump(exclude={"idempotency_key"})
    service.rooms.publish(profile_room(user.id), "attempt_ended", told, user_id=user.id, entity_id=attempt.id)
    for chat in attempt.chats:
        ChatRoom(service.rooms, chat.id, user.id).tell("attempt_ended", told)
    return reply


async def complete(service: Service, user: User, body: AttemptCompleteBody) -> AttemptCompleteReply:
    """Mark an attempt and all its chats complete, without grading."""
    attempt = await service.store.attempt(user.id, body.attempt_id)
    completed = [chat.id for chat in _open_chats(attempt)]
    for chat_id in completed:
        await end_conversation(service, user, chat_id)
    await service.store.complete_attempt(user.id, attempt.id, body.message)
    return AttemptCompleteReply(
        attempt_id=attempt.id, completion_id=derived_id(attempt.id, "completion"), completed_chat_ids=completed
    )


async def grade(service: Service, user: User, body: AttemptGradeBody) -> AttemptGradeReply:
    """Grade a chat of an attempt: the one named, else the last in which the learner spoke."""
    attempt = await service.store.attempt(user.id, body.attempt_id)
    chat_id = body.chat_id
    if chat_id is None:
        for chat in reversed(attempt.chats):
            if any(item.role == "user" for item in await service.store.messages(chat.id)):
                chat_id = chat.id
                break
    chat = await service.practice.own.find(user.id, chat_id or attempt.chats[0].id, attempt.id)
    asked = body.user_instructions
    instructions = "\n".join(asked) if isinstance(asked, list) else asked
    graded = await chat_grade(service, user, ChatGradeBody(chat_id=chat.id, user_instructions=instructions))
    return AttemptGradeReply(chat_id=chat.id, grade_id=graded.grade_id, score=graded.score, passed=graded.passed)


async def use_previous(service: Service, user: User, body: UsePreviousBody) -> UsePreviousReply:
    """Take over what was said and graded in earlier chats of the same scenarios."""
    attempt = await service.store.take_over(user.id, body.attempt_id, body.previous_chat_map)
    finished = all(chat.completed_at is not None for chat in attempt.chats) and not attempt.infinite_mode
    if finished:
        await service.store.complete_attempt(user.id, attempt.id)
    for chat_id in body.previous_chat_map:
        room = ChatRoom(service.rooms, chat_id, user.id)
        room.tell("attempt_chat_ended", {"is_attempt_finished": finished})
    if finished:
        told = {"attempt_id": attempt.id, "success": True, "all_scenarios_complete": True}
        service.rooms.publish(profile_room(user.id), "attempt_ended", told, user_id=user.id, entity_id=attempt.id)
    return UsePreviousReply(chat_ids=list(body.previous_chat_map))


def chat_data(chat: Chat, graded: Grade | None) -> ChatData:
    """A chat as the attempt lists it."""
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
    """A rubric with its groups and standards."""
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


def _open_chats(attempt: Attempt) -> Sequence[Chat]:
    return [chat for chat in attempt.chats if chat.completed_at is None]


async def _apply_draft(service: Service, user: User, chat: Chat, draft_id: str) -> None:
    """Have the chat made as the draft says."""
    draft = await service.store.draft(user.id, draft_id)
    state = dict(draft.state)
    await check_choices(service, user, state)
    await service.store.configure_chat(chat.id, await configuration_of(service, state))
