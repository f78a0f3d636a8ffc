"""What the operator's page asks for: calls going on and past, their timelines and recordings, and content packs."""

from api.doors.studio.routes import answer_about_timelines, router

__all__ = ["answer_about_timelines", "router"]
