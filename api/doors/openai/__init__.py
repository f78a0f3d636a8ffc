"""OpenAI's interfaces for clients that exist already: the Realtime websocket, and REST for audio, chat and models.

realtime/        `WS /v1/realtime`: one session, its events in the GA and the beta dialect
webrtc/          `POST /v1/realtime/calls`: the same over WebRTC
client_secrets   short-lived keys for browsers
speech, transcriptions, completions, models    REST
targets          what a `model` names: a persona, a practice, a chat
door             authentication and errors, the same for all
"""

from api.doors.openai import client_secrets, completions, models, speech, transcriptions
from api.doors.openai.door import BOUNDS, RequestIds
from api.doors.openai.realtime import socket as realtime
from api.doors.openai.webrtc import routes as webrtc
from api.doors.openai.webrtc.calls import RealtimeCalls

ROUTERS = (
    realtime.router,
    client_secrets.router,
    webrtc.router,
    models.router,
    completions.router,
    speech.router,
    transcriptions.router,
)

__all__ = ["BOUNDS", "ROUTERS", "RealtimeCalls", "RequestIds"]
