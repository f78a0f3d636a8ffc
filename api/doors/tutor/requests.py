"""Shared by the Tutor's routes: what they read from a request."""

from typing import Annotated, Any

from fastapi import HTTPException, Query, Request

from api.doors.tutor.learner import own_id
from models.errors import NotFound
from models.records.core import User
from models.records.external import ExternalChat
from models.store import Store

BROKEN_REFERENCE = "FOREIGN KEY constraint failed"
"""The interface's error for an unknown user or session."""

TEXT_LIMIT = 100_000
"""Longest message, in characters."""


UserId = Annotated[str | None, Query(alias="userId")]
NodeId = Annotated[str | None, Query(alias="nodeId")]


def store_of(request: Request) -> Store:
    """Return the running service's store."""
    store: Store = request.app.state.service.store
    return store


def text_of(body: dict[str, Any], key: str) -> str:
    """Read a text of the body; empty if it is missing.

    Raises:
        HTTPException: 400, it is no text, or too long.
    """
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise HTTPException(400, f"{key} must be text of at most {TEXT_LIMIT} characters")
    return value


def owner(user: User, user_id: str) -> str:
    """Return the store's id for the `userId` of something to create.

    Raises:
        HTTPException: 500 as in the interface, it is not the caller's.
    """
    if (known := own_id(user, user_id)) is None:
        raise HTTPException(500, BROKEN_REFERENCE)
    return known


async def own_session(request: Request, user: User, session_id: str) -> ExternalChat:
    """Find one of the caller's sessions.

    Raises:
        HTTPException: 404, it is unknown.
    """
    try:
        return await store_of(request).external_chat(user.id, session_id, "tutor")
    except NotFound:
        raise HTTPException(404, "Session not found") from None
