"""The line, a caller's connection to a call: a door brings a wire and a dialect, the `Line` does the rest.

    class Walkie:                                       a dialect: reads messages, renders events
        opens_with = "a hello"
        async def opening(self, wire): return Opening(Outsider("walkie", "7"), FreshAttempt(practice_id), greet=True)
        def heard(self, message): return Hear(message)
        def render(self, event): return [b"over"] if isinstance(event, ReplyCleared) else []
        def audio(self, packet): return [packet.data]

    await Line(wire, Walkie(), service).serve()

It waits for the opening with a timeout, finds the user, the chat and the call, attends it, paces the audio, bounds the
outbox of a slow reader, yields to a line that resumes the call, keeps unsent events for it, and closes the wire with a
reason.
"""

from api.doors.line.dialect import (
    Dialect,
    Formats,
    Heard,
    LineEvent,
    LineOpened,
    Packet,
    Produce,
    ProtocolError,
    Respond,
)
from api.doors.line.line import Line, Patience
from api.doors.line.opening import (
    DEFAULT_INPUT,
    DEFAULT_OUTPUT,
    Bearer,
    Chat,
    DictationOnly,
    FreshAttempt,
    Known,
    OpenCall,
    Opening,
    Outsider,
    Pace,
    StandingChat,
)
from api.doors.line.websocket import WebSocketWire
from api.doors.line.wire import Close, LineRefused, Message, Wire
from pipeline.call.audio_clock import Gaps
from pipeline.call.commands import (
    AddMessage,
    Command,
    Commit,
    Digit,
    DropAudio,
    Forget,
    HangUp,
    Hear,
    HeardUntil,
    Mute,
    Played,
    RequestReply,
    Say,
    Stop,
    TakeSettings,
    ToolAnswered,
    Transferred,
)
from pipeline.call.echo import EchoReport

__all__ = [
    "DEFAULT_INPUT",
    "DEFAULT_OUTPUT",
    "AddMessage",
    "Bearer",
    "Chat",
    "Close",
    "Command",
    "Commit",
    "Dialect",
    "DictationOnly",
    "Digit",
    "DropAudio",
    "EchoReport",
    "Forget",
    "Formats",
    "FreshAttempt",
    "Gaps",
    "HangUp",
    "Hear",
    "Heard",
    "HeardUntil",
    "Known",
    "Line",
    "LineEvent",
    "LineOpened",
    "LineRefused",
    "Message",
    "Mute",
    "OpenCall",
    "Opening",
    "Outsider",
    "Pace",
    "Packet",
    "Patience",
    "Played",
    "Produce",
    "ProtocolError",
    "RequestReply",
    "Respond",
    "Say",
    "StandingChat",
    "Stop",
    "TakeSettings",
    "ToolAnswered",
    "Transferred",
    "WebSocketWire",
    "Wire",
]
