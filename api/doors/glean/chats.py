"""Glean's stored chats, and their applications."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from api.doors.glean import rendering
from api.doors.glean.door import GleanRoute, GleanUser
from api.doors.refusals import json_object
from api.service import Service
from models.errors import NotFound
from models.records.core import User
from models.records.external import ExternalChat
from models.store import Store

router = APIRouter(prefix="/rest/api/v1", tags=["glean"], route_class=GleanRoute)

IDS_LIMIT = 1000

PAGE_SIZE = 500
"""Chats in one page of `listchats`; its `cursor` requests the next."""


@router.post("/listchats")
async def list_chats(user: GleanUser, request: Request) -> dict[str, Any]:
    """List the user's chats, the newest first, a page at a time."""
    cursor = (await json_object(request)).get("cursor")
    after = None if cursor is None else _place(cursor)
    found = await _store(request).external_chats(user.id, "glean", after=after, limit=PAGE_SIZE + 1)
    page = found[:PAGE_SIZE]
    listed: dict[str, Any] = {"chatResults": [{"chat": rendering.chat(item, user)} for item in page]}
    return listed | ({"cursor": _cursor(page[-1])} if len(found) > len(page) else {})


@router.post("/getchat")
async def get_chat(user: GleanUser, request: Request) -> dict[str, Any]:
    """Get a chat with its messages, oldest first."""
    chat_id = await _id(request)
    try:
        found = await _store(request).external_chat(user.id, chat_id, "glean")
    except NotFound:
        raise HTTPException(404, "There is no such chat.") from None
    said = await _store(request).external_messages(found.id)
    messages = [rendering.kept_message(item) for item in said]
    return {"chatResult": {"chat": rendering.chat(found, user) | {"messages": messages}}}


@router.post("/deletechats")
async def delete_chats(user: GleanUser, request: Request) -> dict[str, Any]:
    """Delete chats; unknown ids are ignored."""
    await _remove(user, request, ids_of(await json_object(request), "ids"))
    return {}


@router.post("/deleteallchats")
async def delete_all_chats(user: GleanUser, request: Request) -> dict[str, Any]:
    """Delete all chats of the user's."""
    await _remove(user, request)
    return {}


@router.post("/getchatapplication")
async def get_application(user: GleanUser, request: Request) -> dict[str, Any]:
    """Get an application: one of the personas that the user may talk to."""
    found = await _store(request).find_personas(user.id, "", [await _id(request)])
    if not found:
        raise HTTPException(404, "There is no such application.")
    persona = found[0]
    return {"application": {"id": persona.id, "name": persona.name, "description": persona.description}}


def ids_of(body: dict[str, Any], key: str) -> list[str]:
    """Read a list of ids from a request.

    Raises:
        HTTPException: 400, it is no such list.
    """
    ids = body.get(key)
    if not isinstance(ids, list) or len(ids) > IDS_LIMIT or not all(isinstance(item, str) for item in ids):
        raise HTTPException(400, f"{key} must be a list of at most {IDS_LIMIT} ids")
    return ids


async def _remove(user: User, request: Request, chat_ids: list[str] | None = None) -> None:
    service: Service = request.app.state.service
    await service.practice.removal.remove_external_chats(user.id, "glean", chat_ids)


def _cursor(last: ExternalChat) -> str:
    """Make the cursor that requests the chats after this one."""
    place = json.dumps([last.updated_at.isoformat(), last.id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place(cursor: object) -> tuple[datetime, str]:
    """Read a cursor's position.

    Raises:
        HTTPException: 400, it is no cursor of ours.
    """
    try:
        changed_at, chat_id = json.loads(base64.urlsafe_b64decode(str(cursor)))
        return datetime.fromisoformat(changed_at).astimezone(UTC), str(chat_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise HTTPException(400, "cursor is not one of listchats; leave it out to begin anew") from None


async def _id(request: Request) -> str:
    chosen = (await json_object(request)).get("id")
    if not isinstance(chosen, str) or not chosen:
        raise HTTPException(400, "id is required")
    return chosen


def _store(request: Request) -> Store:
    store: Store = request.app.state.service.store
    return store
