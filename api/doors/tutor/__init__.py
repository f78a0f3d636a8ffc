"""The Tutor's interface: sessions, messages, interactive teaching, hints, and the nodes and progress they need.

Source: the chat page of its documentation, and its wire page here.
"""

from fastapi import APIRouter

from api.doors.tutor import neighbours, routes

router = APIRouter()
router.include_router(neighbours.router)
router.include_router(routes.router)

__all__ = ["router"]
