"""A caller's connection to a call, the same behind every door: a door brings a wire and a dialect, the line the rest.

    class Walkie:                                       a dialect: what messages mean, how events are told
        opens_with = "a hello"
        async def opening(self, wire): return Opening(Outsider("walkie", "7"), FreshAttempt(practice_id), greet=True)
        def heard(self, message): return Audio(message)
        def told(self, event): return [b"over"] if isinstance(event, ReplyCleared) else []
        def audio(self, packet): return [packet.data]

    await Line(wire, Walkie(), service).serve()

The line does all that is the same behind every door: it waits for the opening and bounds it, finds the caller, the
chat and the call, attends it, hands audio out at its pace, bounds what a slow reader lets pile up, yields to whoever
resumes the call, keeps what did not reach the caller, and closes the wire with a reason.
"""

from api.doors.line.dialect import (
    Answer,
    Dialect,
    Formats,
    Heard,
    LineEvent,
    Opened,
    Packet,
    ProtocolError,
)
from api.doors.line.line import Line, Patience
from api.doors.line.opening import (
    DEFAULT_INPUT,
    DEFAULT_OUTPUT,
    Bearer,
    FreshAttempt,
    Known,
    OpenCall,
    Opening,
    Outsider,
    Pace,
    StandingChat,
)
from api.doors.line.websocket import WebSocketWire
from api.doors.line.wire import Close, Message, Refused, Wire
from pipeline.call.audio_clock import Gaps
from pipeline.call.commands import Audio, Command, Commit, Digit, HangUp, Mute, Played, Say, Stop

__all__ = [
    "DEFAULT_INPUT",
    "DEFAULT_OUTPUT",
    "Answer",
    "Audio",
    "Bearer",
    "Close",
    "Command",
    "Commit",
    "Dialect",
    "Digit",
    "Formats",
    "FreshAttempt",
    "Gaps",
    "HangUp",
    "Heard",
    "Known",
    "Line",
    "LineEvent",
    "Message",
    "Mute",
    "OpenCall",
    "Opened",
    "Opening",
    "Outsider",
    "Pace",
    "Packet",
    "Patience",
    "Played",
    "ProtocolError",
    "Refused",
    "Say",
    "StandingChat",
    "Stop",
    "WebSocketWire",
    "Wire",
]
