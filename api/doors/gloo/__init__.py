"""Gloo's interface: access tokens, messages with their chats, and completions.

Source: the chat tutorial of its documentation, and docs/other-doors.md.
"""

from fastapi import APIRouter

from api.doors.body_limit import Bound
from api.doors.gloo import completions, messages, tokens
from api.doors.gloo.door import render

router = APIRouter()
router.include_router(tokens.router)
router.include_router(messages.router)
router.include_router(completions.router)

BOUNDS = (Bound(("/ai/",), render), Bound(("/oauth2/",), tokens.render))
"""The bound on requests to this door."""

__all__ = ["BOUNDS", "router"]
