"""Gloo's interface: access tokens, messages with their chats, and completions.

Source: the chat tutorial of its documentation, and its wire page here.
"""

from fastapi import APIRouter

from api.doors.gloo import completions, messages, tokens

router = APIRouter()
router.include_router(tokens.router)
router.include_router(messages.router)
router.include_router(completions.router)

__all__ = ["router"]
