"""Glean's interface: chat with documents, stored chats, and files.

Source: the chat page of its documentation, its public specification, and docs/other-doors.md.
"""

from fastapi import APIRouter

from api.doors.body_limit import Bound
from api.doors.glean import chat, chats, files, unknown
from api.doors.glean.door import render

router = APIRouter()
router.include_router(chat.router)
router.include_router(chats.router)
router.include_router(files.router)
router.include_router(unknown.router)

BOUNDS = (Bound(("/rest/", "/chat"), render),)
"""The bound on requests to this door."""

__all__ = ["BOUNDS", "router"]
