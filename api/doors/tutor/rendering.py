"""Rendering of the Tutor interface's objects."""

import json
from datetime import UTC, datetime
from typing import Any

from models.records.external import Branch, Diagnostic, Edge, ExternalChat, ExternalMessage, Hint, Node, Progress
from models.records.lessons import Lesson


def iso(time: datetime | None) -> str | None:
    """Render a time as the interface does: ISO 8601 in milliseconds, with a Z."""
    return None if time is None else time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session(chat: ExternalChat, user_id: str) -> dict[str, Any]:
    """Render a session."""
    return {
        "id": chat.id,
        "userId": user_id,
        "nodeId": chat.subject_id,
        "startedAt": iso(chat.created_at),
        "endedAt": iso(chat.ended_at),
    }


def message(item: ExternalMessage, user_id: str) -> dict[str, Any]:
    """Render a message."""
    return {
        "id": item.id,
        "sessionId": item.chat_id,
        "userId": user_id,
        "role": item.role,
        "kind": item.kind or "learning",
        "content": item.text,
        "wasSuccessful": item.data.get("wasSuccessful"),
        "successSignal": item.data.get("successSignal"),
        "createdAt": iso(item.created_at),
    }


def hint(item: Hint, user_id: str) -> dict[str, Any]:
    """Render a hint event."""
    return {
        "id": item.id,
        "userId": user_id,
        "nodeId": item.node_id,
        "sessionId": item.session_id,
        "requestMessageId": item.request_message_id,
        "responseMessageId": item.response_message_id,
        "referencedSuccessMessageIds": json.dumps(list(item.referenced_message_ids)),
        "createdAt": iso(item.created_at),
    }


def node(item: Node, user_id: str) -> dict[str, Any]:
    """Render a node."""
    return {
        "id": item.id,
        "userId": user_id,
        "type": item.type,
        "branchId": item.branch_id,
        "parentId": item.parent_id,
        "title": item.title,
        "desc": item.description,
        "accuracyScore": item.accuracy,
        "createdAt": iso(item.created_at),
        "updatedAt": iso(item.updated_at),
    }


def branch(item: Branch, user_id: str) -> dict[str, Any]:
    """Render a branch."""
    return {"id": item.id, "userId": user_id, "title": item.title, "createdAt": iso(item.created_at)}


def edge(item: Edge) -> dict[str, Any]:
    """Render a dependency: the source comes before the target."""
    return {"id": item.id, "sourceNodeId": item.source_id, "targetNodeId": item.target_id}


def progress(item: Progress, user_id: str) -> dict[str, Any]:
    """Render a learner's progress in a node."""
    return {
        "id": item.id,
        "userId": user_id,
        "nodeId": item.node_id,
        "masteryScore": item.mastery,
        "attemptsCount": item.attempts,
        "completedAt": iso(item.completed_at),
        "updatedAt": iso(item.updated_at),
    }


def diagnostic(item: Diagnostic, user_id: str) -> dict[str, Any]:
    """Render an assessment."""
    return {
        "id": item.id,
        "userId": user_id,
        "nodeId": item.node_id,
        "score": item.score,
        "totalQuestions": item.total_questions,
        "incorrectQuestions": item.incorrect_questions,
        "weakAreas": list(item.weak_areas),
        "createdAt": iso(item.created_at),
    }


def contents(lesson: Lesson, node_id: str) -> dict[str, Any]:
    """Render a lesson as the active content of a node."""
    cards = [
        {
            "id": chunk.id,
            "index": index,
            "explanation": chunk.teach,
            "question": chunk.question.ask,
            "questionType": chunk.question.type,
        }
        for index, chunk in enumerate(lesson.chunks)
    ]
    return {
        "id": f"{node_id}:{lesson.slug}",
        "nodeId": node_id,
        "explanationMd": lesson.description,
        "cards": cards,
        "status": "active",
    }
