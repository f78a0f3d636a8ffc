"""The Tutor's interface: sessions, messages, interactive teaching, hints, and the nodes and progress they need.

Source: the chat page of its documentation, and docs/other-doors.md.
"""

from fastapi import APIRouter

from api.doors.body_limit import Bound
from api.doors.tutor import neighbours, routes
from api.doors.tutor.learner import render

router = APIRouter()
router.include_router(neighbours.router)
router.include_router(routes.router)

BOUNDS = (Bound(("/api/",), render),)
"""The bound on requests to this door."""

__all__ = ["BOUNDS", "router"]
