"""What every route of the Tutor's reads from a request."""

from typing import Annotated, Any

from fastapi import HTTPException, Query, Request

from api.doors.tutor.learner import own_id
from models.errors import NotFound
from models.records.core import User
from models.records.external import ExternalChat
from models.store import Store

BROKEN_REFERENCE = "FOREIGN KEY constraint failed"
"""What the interface says of an unknown user or session."""

TEXT_LIMIT = 100_000
"""Characters of one message."""


UserId = Annotated[str | None, Query(alias="userId")]
NodeId = Annotated[str | None, Query(alias="nodeId")]


def store_of(request: Request) -> Store:
    """The running service's store."""
    store: Store = request.app.state.service.store
    return store


def text_of(body: dict[str, Any], key: str) -> str:
    """A text of the body; empty where it is missing.

    Raises:
        HTTPException: 400, it is something else, or too long.
    """
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise HTTPException(400, f"{key} must be text of at most {TEXT_LIMIT} characters")
    return value


def owner(user: User, user_id: str) -> str:
    """The store's id for a `userId` that something is to be made for.

    Raises:
        HTTPException: 500 as the interface has it, it is not the caller's.
    """
    if (known := own_id(user, user_id)) is None:
        raise HTTPException(500, BROKEN_REFERENCE)
    return known


async def own_session(request: Request, user: User, session_id: str) -> ExternalChat:
    """One of the caller's sessions.

    Raises:
        HTTPException: 404, there is no such session.
    """
    try:
        return await store_of(request).external_chat(user.id, session_id, "tutor")
    except NotFound:
        raise HTTPException(404, "Session not found") from None
