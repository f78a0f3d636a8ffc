"""Twilio's Media Streams, and carriers that speak the same: webhooks, the stream, and the REST interface."""

from api.doors.telephone.twilio.routes import MESSAGE_LIMIT, SOCKET_PATH, router

__all__ = ["MESSAGE_LIMIT", "SOCKET_PATH", "router"]
