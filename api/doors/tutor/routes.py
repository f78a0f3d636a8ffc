"""The routes of the Tutor's interface."""

import json
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from api.doors.refusals import METHODS, json_object
from api.doors.tutor import rendering
from api.doors.tutor.learner import Learner, TutorRoute, own_id, shown_id
from api.doors.tutor.requests import BROKEN_REFERENCE, NodeId, UserId, own_session, owner, store_of, text_of
from api.external import external_of
from models.errors import NotFound
from models.records.external import ExternalDraft, ExternalRole
from pipeline.tutoring.turns import student_turn
from pipeline.tutoring.tutor import NoNode, NothingToTeach

router = APIRouter(prefix="/api", tags=["tutor"], route_class=TutorRoute)

# ------------------------------------------------------------------ sessions


@router.get("/chat/sessions")
async def sessions(
    request: Request,
    user: Learner,
    user_id: UserId = None,
    node_id: NodeId = None,
) -> list[dict[str, Any]]:
    """List the learner's sessions, the newest first."""
    if user_id is not None and own_id(user, user_id) is None:
        return []
    found = await store_of(request).external_chats(user.id, "tutor", subject_id=node_id)
    return [rendering.session(item, shown_id(user)) for item in found]


@router.post("/chat/sessions", status_code=201)
async def create_session(request: Request, user: Learner) -> dict[str, Any]:
    """Begin a session; an unknown node is created."""
    body = await json_object(request)
    user_id, node_id = text_of(body, "userId"), text_of(body, "nodeId")
    if not user_id:
        raise HTTPException(400, "userId is required")
    own = owner(user, user_id)
    if node_id:
        await external_of(request).tutor.node(own, node_id)
    chat = await store_of(request).add_external_chat(own, "tutor", subject_id=node_id or None)
    return rendering.session(chat, shown_id(user))


@router.patch("/chat/sessions/{session_id}")
async def end_session(session_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """End a session, now (also without a body) or at a given time."""
    body = await json_object(request) if await request.body() else {}
    ended_at = text_of(body, "endedAt")
    await own_session(request, user, session_id)
    chat = await store_of(request).change_external_chat(user.id, session_id, ended_at=_time(ended_at))
    return rendering.session(chat, shown_id(user))


def _time(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "endedAt must be an ISO 8601 time") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


# ------------------------------------------------------------------ messages


@router.get("/chat/sessions/{session_id}/messages")
async def messages(session_id: str, request: Request, user: Learner) -> list[dict[str, Any]]:
    """List the messages, in order; none for an unknown session."""
    try:
        chat = await store_of(request).external_chat(user.id, session_id, "tutor")
    except NotFound:
        return []
    found = await store_of(request).external_messages(chat.id)
    return [rendering.message(item, shown_id(user)) for item in found]


@router.post("/chat/sessions/{session_id}/messages", status_code=201)
async def create_message(session_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Add a message as it is, without an answer."""
    body = await json_object(request)
    user_id, role, content = (text_of(body, key) for key in ("userId", "role", "content"))
    if not (user_id and role and content):
        raise HTTPException(400, "userId, role, and content are required")
    owner(user, user_id)
    try:
        chat = await store_of(request).external_chat(user.id, session_id, "tutor")
    except NotFound:
        raise HTTPException(500, BROKEN_REFERENCE) from None
    signal = body.get("successSignal")
    successful = body.get("wasSuccessful")
    data = {
        "wasSuccessful": successful if successful is None else bool(successful),
        "successSignal": signal if signal is None or isinstance(signal, str) else json.dumps(signal),
    }
    known: dict[str, ExternalRole] = {"user": "user", "assistant": "assistant", "system": "system"}
    if role not in known:
        raise HTTPException(400, "role must be system, user, or assistant")
    draft = ExternalDraft(known[role], content, text_of(body, "kind") or "learning", data=data)
    (added,) = await store_of(request).add_external_messages(chat.id, [draft])
    return rendering.message(added, shown_id(user))


# --------------------------------------------------------------------- tutor


@router.post("/chat/sessions/{session_id}/tutor")
async def tutor(session_id: str, request: Request, user: Learner) -> dict[str, Any]:
    """Answer a message to the tutor."""
    body = await json_object(request)
    user_id = text_of(body, "userId")
    if not user_id:
        raise HTTPException(400, "userId is required")
    if own_id(user, user_id) is None:
        raise HTTPException(404, "Session not found")
    student = student_turn(text_of(body, "content"), body.get("drawingImageDataUrl"))
    try:
        turn = await external_of(request).tutor.answer(user.id, session_id, student)
    except NoNode as error:
        raise HTTPException(400, str(error)) from None
    except NothingToTeach as error:
        raise HTTPException(503, str(error)) from None
    return {
        "message": turn.message,
        "isComplete": turn.complete,
        "toolsUsed": list(turn.tools_used),
        "reasoning": list(turn.reasoning),
    }


# --------------------------------------------------------------------- hints


@router.post("/chat/hints", status_code=201)
async def create_hint(request: Request, user: Learner) -> dict[str, Any]:
    """Store that a hint was requested."""
    body = await json_object(request)
    user_id, node_id = text_of(body, "userId"), text_of(body, "nodeId")
    if not (user_id and node_id):
        raise HTTPException(400, "userId and nodeId are required")
    own = owner(user, user_id)
    await external_of(request).tutor.node(own, node_id)
    referenced = body.get("referencedSuccessMessageIds") or []
    if not isinstance(referenced, list) or not all(isinstance(item, str) for item in referenced):
        raise HTTPException(400, "referencedSuccessMessageIds must be a list of message ids")
    try:
        kept = await store_of(request).add_hint(
            own,
            node_id,
            session_id=text_of(body, "sessionId") or None,
            request_message_id=text_of(body, "requestMessageId") or None,
            response_message_id=text_of(body, "responseMessageId") or None,
            referenced_message_ids=referenced,
        )
    except NotFound:
        raise HTTPException(500, BROKEN_REFERENCE) from None
    return rendering.hint(kept, shown_id(user))


@router.get("/chat/hints")
async def hints(
    request: Request,
    user: Learner,
    user_id: UserId = None,
    node_id: NodeId = None,
) -> list[dict[str, Any]]:
    """List the hints of a learner, or of one node."""
    if user_id is not None and own_id(user, user_id) is None:
        return []
    return [rendering.hint(item, shown_id(user)) for item in await store_of(request).hints(user.id, node_id)]


@router.get("/health")
async def health() -> dict[str, str | None]:
    """Report that the service is up."""
    return {"status": "ok", "timestamp": rendering.iso(datetime.now(UTC))}


@router.api_route("/{rest:path}", methods=list(METHODS), include_in_schema=False)
async def unknown(request: Request) -> Response:
    """Refuse a route that the interface does not have."""
    said = f"Cannot {request.method} {request.url.path}"
    escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return HTMLResponse(f"<!DOCTYPE html>\n<html><body><pre>{escaped}</pre></body></html>", 404)
