"""chat_grade, chat_hints, chat_feedback, chat_strengths, chat_improvements and chat_analyses."""

from collections.abc import Sequence

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
from models.records.core import User
from pipeline.practice.coaching import WrittenFeedback, WrittenHint, WrittenPassage, WrittenRemark


async def chat_grade(service: Service, user: User, body: ChatGradeBody) -> ChatGradeReply:
    """Grade a chat: by hand with a score, else by the coach, standard by standard, against the simulation's rubric."""
    graded = await service.practice.grading.grade(
        user.id,
        body.chat_id,
        score=body.score,
        description=body.description or "",
        instructions=body.user_instructions or "",
    )
    grade = graded.grade
    return ChatGradeReply(
        chat_id=graded.chat.id,
        grade_id=grade.id,
        score=grade.score,
        passed=grade.passed,
        time_taken=grade.time_taken_s,
        total_points=grade.total_points,
        pass_points=grade.pass_points,
        description=grade.description,
        feedback_ids=[note.id for note in graded.feedback],
    )


async def chat_hints(service: Service, user: User, body: ChatHintsBody) -> ChatHintsReply:
    """Write hints; without a list, return those of the persona's latest message, generated if there are none."""
    given = None if body.hints is None else [WrittenHint(one.hint, one.message_id, one.idx) for one in body.hints]
    items = [hint_item(note) for note in await service.practice.coaching.hints(user.id, body.chat_id, given)]
    return ChatHintsReply(hint_ids=[item.id for item in items], hints=items)


async def chat_feedback(service: Service, user: User, body: ChatFeedbackBody) -> ChatFeedbackReply:
    """Write feedback on standards, or read it."""
    notes = await service.practice.coaching.feedback(user.id, body.chat_id, feedback_of(body.feedbacks))
    items = [feedback_item(note) for note in notes]
    return ChatFeedbackReply(feedback_ids=[item.id for item in items], feedbacks=items)


async def chat_strengths(service: Service, user: User, body: ChatStrengthsBody) -> ChatStrengthsReply:
    """Write strengths with their highlights, or read them."""
    notes = await service.practice.coaching.strengths(user.id, body.chat_id, strengths_of(body.strengths))
    items = [strength_item(note) for note in notes]
    return ChatStrengthsReply(strength_ids=[item.id for item in items], strengths=items)


async def chat_improvements(service: Service, user: User, body: ChatImprovementsBody) -> ChatImprovementsReply:
    """Write improvements with their replacements, or read them."""
    notes = await service.practice.coaching.improvements(user.id, body.chat_id, improvements_of(body.improvements))
    items = [improvement_item(note) for note in notes]
    return ChatImprovementsReply(improvement_ids=[item.id for item in items], improvements=items)


async def chat_analyses(service: Service, user: User, body: ChatAnalysesBody) -> ChatAnalysesReply:
    """Write analyses of the whole chat, or read them."""
    notes = await service.practice.coaching.analyses(user.id, body.chat_id, analyses_of(body.analyses))
    items = [analysis_item(note) for note in notes]
    return ChatAnalysesReply(analysis_ids=[item.id for item in items], analyses=items)


def feedback_of(given: Sequence[NewFeedback] | None) -> list[WrittenFeedback] | None:
    """Convert a body's feedback; None if it has none."""
    return None if given is None else [WrittenFeedback(one.feedback, one.total, one.standard_id) for one in given]


def strengths_of(given: Sequence[NewStrength] | None) -> list[WrittenRemark] | None:
    """Convert a body's strengths; None if it has none."""
    if given is None:
        return None
    return [
        WrittenRemark(
            one.name,
            one.description,
            one.message_id,
            tuple(WrittenPassage(part.section, place=part.idx) for part in one.highlights or ()),
        )
        for one in given
    ]


def improvements_of(given: Sequence[NewImprovement] | None) -> list[WrittenRemark] | None:
    """Convert a body's improvements; None if it has none."""
    if given is None:
        return None
    return [
        WrittenRemark(
            one.name,
            one.description,
            one.message_id,
            tuple(WrittenPassage(part.section, part.replace, part.idx) for part in one.replacements or ()),
        )
        for one in given
    ]


def analyses_of(given: Sequence[NewAnalysis] | None) -> list[str] | None:
    """Convert a body's analyses; None if it has none."""
    return None if given is None else [one.content for one in given]
