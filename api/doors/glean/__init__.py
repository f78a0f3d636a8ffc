"""Glean's interface: chat with documents, chats that are kept, and files.

Source: the chat page of its documentation, its public specification, and its wire page here.
"""

from fastapi import APIRouter

from api.doors.glean import chat, chats, files, unknown

router = APIRouter()
router.include_router(chat.router)
router.include_router(chats.router)
router.include_router(files.router)
router.include_router(unknown.router)

__all__ = ["router"]
