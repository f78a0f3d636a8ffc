"""chat_grade, chat_hints, chat_feedback, chat_strengths, chat_improvements and chat_analyses.

Given lists write, absent lists read; what nobody has written is generated once, by the coach.
"""

from collections.abc import Sequence

from api.doors.glow.operations.common import own_chat, rubric_for, time_taken_s
from api.doors.glow.operations.message_data import (
    analysis_item,
    feedback_item,
    hint_item,
    improvement_item,
    strength_item,
)
from api.doors.glow.operations.shapes_coaching import (
    ChatAnalysesBody,
    ChatAnalysesReply,
    ChatFeedbackBody,
    ChatFeedbackReply,
    ChatGradeBody,
    ChatGradeReply,
    ChatHintsBody,
    ChatHintsReply,
    ChatImprovementsBody,
    ChatImprovementsReply,
    ChatStrengthsBody,
    ChatStrengthsReply,
    NewAnalysis,
    NewFeedback,
    NewImprovement,
    NewStrength,
)
from api.service import Service
from models.errors import Invalid, NotFound
from models.records.core import Chat, Message, User
from models.records.outcomes import Grade, NewNote, Note, NoteKind
from models.records.resources import Rubric
from pipeline.chats.events import ChatRoom
from pipeline.coach.coach import Assessment, Lesson, notes_of


async def lesson_of(service: Service, user: User, chat: Chat, instructions: str = "") -> Lesson:
    """The chat as the coach looks at it."""
    attempt = await service.store.attempt(user.id, chat.attempt_id)
    rubric = await rubric_for(service, attempt.simulation_id)
    return Lesson(await service.store.context(chat.id), rubric, instructions)


# --------------------------------------------------------------------- grade


async def chat_grade(service: Service, user: User, body: ChatGradeBody) -> ChatGradeReply:
    """Grade a chat: by hand with a score, else by the coach, standard by standard, against the simulation's rubric."""
    chat = await own_chat(service, user, body.chat_id)
    room = ChatRoom(service.rooms, chat.id, user.id)
    room.tell("attempt_grade_start", {})
    if body.score is not None:
        grade = await grade_by_hand(service, user, chat, body.score, body.description or "")
        feedback: list[Note] = []
    else:
        grade, feedback = await grade_by_coach(service, user, chat, body.user_instructions or "")
    room.tell(
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
    return ChatGradeReply(
        chat_id=chat.id,
        grade_id=grade.id,
        score=grade.score,
        passed=grade.passed,
        time_taken=grade.time_taken_s,
        total_points=grade.total_points,
        pass_points=grade.pass_points,
        description=grade.description,
        feedback_ids=[note.id for note in feedback],
    )


async def grade_by_hand(
    service: Service,
    user: User,
    chat: Chat,
    score: int,
    description: str = "",
    *,
    passed: bool | None = None,
    time_taken: int | None = None,
) -> Grade:
    """Keep a score that a person gave.

    Raises:
        Invalid: the rubric has not so many points.
    """
    attempt = await service.store.attempt(user.id, chat.attempt_id)
    rubric = await rubric_for(service, attempt.simulation_id)
    limits = f"Pass threshold is {rubric.pass_points}."
    if score > rubric.total_points:
        raise Invalid(f"Score {score} exceeds maximum of {rubric.total_points}. {limits}")
    if score < 0:
        raise Invalid(f"Score {score} is below the minimum of 0. {limits}")
    messages = await service.store.messages(chat.id)
    grade, _ = await service.store.add_grade(
        chat.id,
        score=score,
        passed=score >= rubric.pass_points if passed is None else passed,
        description=description,
        time_taken_s=time_taken_s(chat, messages, service.store.now()) if time_taken is None else time_taken,
        total_points=rubric.total_points,
        pass_points=rubric.pass_points,
        source="hand",
    )
    return grade


async def grade_by_coach(service: Service, user: User, chat: Chat, instructions: str = "") -> tuple[Grade, list[Note]]:
    """Have the coach judge the chat; its feedback, strengths, improvements and analyses are kept with the grade."""
    lesson = await lesson_of(service, user, chat, instructions)
    assessment = await service.coach.assess(lesson)
    rubric = lesson.rubric
    _tell_progress(ChatRoom(service.rooms, chat.id, user.id), rubric, assessment)
    grade, notes = await service.store.add_grade(
        chat.id,
        score=assessment.score,
        passed=assessment.score >= rubric.pass_points,
        description=assessment.summary,
        time_taken_s=time_taken_s(chat, lesson.chat.messages, service.store.now()),
        total_points=rubric.total_points,
        pass_points=rubric.pass_points,
        source="coach",
        notes=notes_of(assessment),
    )
    return grade, [note for note in notes if note.kind == "feedback"]


def _tell_progress(room: ChatRoom, rubric: Rubric, assessment: Assessment) -> None:
    names = {group.id: group.name for group in rubric.groups}
    for done, score in enumerate(assessment.scores, 1):
        room.tell(
            "attempt_grading_progress",
            {
                "type": "standard_graded",
                "standard_group_name": names.get(score.standard.group_id, ""),
                "score": score.points,
                "completed_count": done,
                "total_count": len(assessment.scores),
                "feedback_preview": score.reason[:200],
                "summary": "",
            },
        )
    room.tell(
        "attempt_grading_progress",
        {
            "type": "complete",
            "standard_group_name": "",
            "score": assessment.score,
            "completed_count": len(assessment.scores),
            "total_count": len(assessment.scores),
            "feedback_preview": "",
            "summary": assessment.summary,
        },
    )


# --------------------------------------------------------------------- hints


async def chat_hints(service: Service, user: User, body: ChatHintsBody) -> ChatHintsReply:
    """Write hints; without a list those of the persona's latest message, generated where there are none."""
    chat = await own_chat(service, user, body.chat_id)
    if body.hints is not None:
        if not body.hints:
            raise Invalid("At least one hint is required")
        if any(not hint.message_id for hint in body.hints):
            raise Invalid("message_id is required for each hint")
        notes: Sequence[Note] = await service.store.add_notes(
            chat.id,
            [
                NewNote("hint", {"hint": hint.hint, "idx": place if hint.idx is None else hint.idx}, hint.message_id)
                for place, hint in enumerate(body.hints)
            ],
            "hand",
        )
    else:
        notes = await _latest_hints(service, user, chat)
    items = [hint_item(note) for note in notes]
    room = ChatRoom(service.rooms, chat.id, user.id)
    told = [item.model_dump() for item in items]
    room.tell("attempt_assistant_hints", {"hints": told})
    if items:
        progress = {"message_id": items[0].message_id, "type": "complete", "hints_count": len(items), "hints": told}
        room.tell("attempt_hint_progress", progress)
    return ChatHintsReply(hint_ids=[item.id for item in items], hints=items)


async def _latest_hints(service: Service, user: User, chat: Chat) -> Sequence[Note]:
    lesson = await lesson_of(service, user, chat)
    messages = lesson.chat.messages
    latest: Message | None = next((item for item in reversed(messages) if item.role == "assistant"), None)
    latest = latest or (messages[-1] if messages else None)
    if latest is None:
        return []  # nothing was said yet, so there is nothing to hint at
    there = [note for note in await service.store.notes([chat.id], "hint") if note.message_id == latest.id]
    if there:
        return there
    hints = await service.coach.hints(lesson)
    made = [NewNote("hint", {"hint": hint, "idx": place}, latest.id) for place, hint in enumerate(hints)]
    return await service.store.add_notes(chat.id, made, "coach", unless_any=True)


# ------------------------------------------------- feedback and what follows


async def chat_feedback(service: Service, user: User, body: ChatFeedbackBody) -> ChatFeedbackReply:
    """Write feedback on standards, or read it."""
    chat = await own_chat(service, user, body.chat_id)
    if body.feedbacks is None:
        notes: Sequence[Note] = await _read(service, user, chat, "feedback")
    else:
        notes = await write_feedback(service, user, chat, body.feedbacks)
    items = [feedback_item(note) for note in notes]
    return ChatFeedbackReply(feedback_ids=[item.id for item in items], feedbacks=items)


async def chat_strengths(service: Service, user: User, body: ChatStrengthsBody) -> ChatStrengthsReply:
    """Write strengths with their highlights, or read them."""
    chat = await own_chat(service, user, body.chat_id)
    if body.strengths is None:
        notes: Sequence[Note] = await _read(service, user, chat, "strength")
    else:
        notes = await write_strengths(service, chat, body.strengths)
    items = [strength_item(note) for note in notes]
    return ChatStrengthsReply(strength_ids=[item.id for item in items], strengths=items)


async def chat_improvements(service: Service, user: User, body: ChatImprovementsBody) -> ChatImprovementsReply:
    """Write improvements with their replacements, or read them."""
    chat = await own_chat(service, user, body.chat_id)
    if body.improvements is None:
        notes: Sequence[Note] = await _read(service, user, chat, "improvement")
    else:
        notes = await write_improvements(service, chat, body.improvements)
    items = [improvement_item(note) for note in notes]
    return ChatImprovementsReply(improvement_ids=[item.id for item in items], improvements=items)


async def chat_analyses(service: Service, user: User, body: ChatAnalysesBody) -> ChatAnalysesReply:
    """Write analyses of the whole chat, or read them."""
    chat = await own_chat(service, user, body.chat_id)
    if body.analyses is None:
        notes: Sequence[Note] = await _read(service, user, chat, "analysis")
    else:
        notes = await write_analyses(service, chat, body.analyses)
    items = [analysis_item(note) for note in notes]
    return ChatAnalysesReply(analysis_ids=[item.id for item in items], analyses=items)


async def write_feedback(service: Service, user: User, chat: Chat, feedbacks: Sequence[NewFeedback]) -> Sequence[Note]:
    """Keep feedback that a person wrote.

    Raises:
        Invalid: a standard is none of the rubric's.
    """
    if not feedbacks:
        raise Invalid("At least one feedback is required")
    attempt = await service.store.attempt(user.id, chat.attempt_id)
    rubric = await rubric_for(service, attempt.simulation_id)
    groups = {standard.id: standard.group_id for standard in rubric.standards}
    for feedback in feedbacks:
        if feedback.standard_id is not None and feedback.standard_id not in groups:
            raise Invalid("The standard is none of this rubric's: use one that attempt/get lists.")
    return await service.store.add_notes(
        chat.id,
        [
            NewNote(
                "feedback",
                {
                    "feedback": feedback.feedback,
                    "total": feedback.total,
                    "standard_id": feedback.standard_id,
                    "standard_group_id": groups.get(feedback.standard_id or ""),
                },
            )
            for feedback in feedbacks
        ],
        "hand",
    )


async def write_strengths(service: Service, chat: Chat, strengths: Sequence[NewStrength]) -> Sequence[Note]:
    """Keep strengths that a person wrote.

    Raises:
        Invalid: a highlight's section does not stand in its message.
    """
    if not strengths:
        raise Invalid("At least one strength is required")
    said = {message.id: message.text for message in await service.store.messages(chat.id)}
    notes = []
    for strength in strengths:
        highlights = strength.highlights or []
        _check_sections(said, strength.message_id, [item.section for item in highlights])
        data = {
            "name": strength.name,
            "description": strength.description,
            "highlights": [
                {"section": item.section, "idx": place if item.idx is None else item.idx}
                for place, item in enumerate(highlights)
            ],
        }
        notes.append(NewNote("strength", data, strength.message_id))
    return await service.store.add_notes(chat.id, notes, "hand")


async def write_improvements(service: Service, chat: Chat, improvements: Sequence[NewImprovement]) -> Sequence[Note]:
    """Keep improvements that a person wrote.

    Raises:
        Invalid: a replacement's section does not stand in its message.
    """
    if not improvements:
        raise Invalid("At least one improvement is required")
    said = {message.id: message.text for message in await service.store.messages(chat.id)}
    notes = []
    for improvement in improvements:
        replacements = improvement.replacements or []
        _check_sections(said, improvement.message_id, [item.section for item in replacements])
        data = {
            "name": improvement.name,
            "description": improvement.description,
            "replacements": [
                {"section": item.section, "replace": item.replace, "idx": place if item.idx is None else item.idx}
                for place, item in enumerate(replacements)
            ],
        }
        notes.append(NewNote("improvement", data, improvement.message_id))
    return await service.store.add_notes(chat.id, notes, "hand")


async def write_analyses(service: Service, chat: Chat, analyses: Sequence[NewAnalysis]) -> Sequence[Note]:
    """Keep analyses that a person wrote."""
    if not analyses:
        raise Invalid("At least one analysis is required")
    notes = [NewNote("analysis", {"content": analysis.content}) for analysis in analyses]
    return await service.store.add_notes(chat.id, notes, "hand")


async def _read(service: Service, user: User, chat: Chat, kind: NoteKind) -> Sequence[Note]:
    """The notes of a kind; where the coach has not looked at the chat yet, it does now, once."""
    notes = await service.store.notes([chat.id], kind)
    if notes:
        return notes
    everything = await service.store.notes([chat.id], "feedback", "strength", "improvement", "analysis")
    if any(note.source == "coach" for note in everything):
        return []  # the coach looked, and found none of this kind
    lesson = await lesson_of(service, user, chat)
    if not lesson.learner:
        return []
    made = notes_of(await service.coach.assess(lesson))
    for other in {note.kind for note in made}:
        of_kind = [note for note in made if note.kind == other]
        await service.store.add_notes(chat.id, of_kind, "coach", unless_any=True)
    return await service.store.notes([chat.id], kind)


def _check_sections(said: dict[str, str], message_id: str | None, sections: Sequence[str]) -> None:
    if sections and message_id is None:
        raise Invalid("message_id is required for highlights and replacements")
    if message_id is not None and message_id not in said:
        raise NotFound("Message not found in this chat: use the id of one of its messages.")
    for section in sections:
        if message_id is not None and (not section or section not in said[message_id]):
            raise Invalid("A section must be words of the message, exactly as they stand in it.")
