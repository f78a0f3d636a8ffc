"""`WS /attempt/chat_voice`: the native voice websocket. JSON text messages, binary audio both ways."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, assert_never

from fastapi import APIRouter, WebSocket
from numpy import int16, zeros

from api.auth import address_of, websocket_subprotocol, websocket_token
from api.doors import line
from api.doors.http_rules import release_lease
from api.doors.line import (
    Bearer,
    Hear,
    Heard,
    Line,
    LineEvent,
    LineOpened,
    LineRefused,
    Message,
    Opening,
    Packet,
    ProtocolError,
    Respond,
    StandingChat,
    WebSocketWire,
    Wire,
)
from api.doors.voice.messages import (
    ChatMessage,
    ChatSilence,
    ChatSpeak,
    ChatVoice,
    Commit,
    Dtmf,
    EchoHeard,
    Mute,
    Ping,
    Played,
    ReplyNow,
    Stop,
    Transferred,
    audio_of,
    parse,
    render,
)
from pipeline.conversation.events import ReplyAudio

router = APIRouter()

_NO_AUDIO = zeros(0, int16)
_PONG = '{"type":"pong"}'

NO_TOKEN = (
    "Send a token: in an Authorization: Bearer header, as the subprotocol bearer.<token> beside glow.voice, or as "
    "`token` in chat_voice."
)


@router.websocket("/attempt/chat_voice")
async def chat_voice(websocket: WebSocket) -> None:
    """Carry a call over one websocket; `app.state.patience` may hold other timeouts than the defaults."""
    state = websocket.app.state
    await websocket.accept(subprotocol=websocket_subprotocol(websocket))
    wire = WebSocketWire(websocket, state.service.settings.max_message_bytes)
    dialect = NativeDialect(websocket_token(websocket), partial(release_lease, websocket.scope), address_of(websocket))
    await Line(wire, dialect, state.service, patience=getattr(state, "patience", None)).serve()


class NativeDialect:
    """The native protocol on one line.

    Args:
        token: that of the handshake, which takes precedence over the one in `chat_voice`.
        opened: called when the call is open.
    """

    opens_with = "chat_voice"

    def __init__(self, token: str | None, opened: Callable[[], None] = lambda: None, address: str = "") -> None:
        self._token = token
        self._address = address
        self._opened = opened

    async def opening(self, wire: Wire) -> Opening:
        """Read `chat_voice`."""
        received = await wire.receive()
        if received is None:
            raise ConnectionError("The client has gone.")
        if isinstance(received, bytes):
            raise LineRefused("not_open", "Send chat_voice before any audio.")
        message = parse(received)
        if not isinstance(message, ChatVoice):
            raise LineRefused("not_open", f"Send chat_voice before {message.type}.")
        token = self._token or message.token
        if not token:
            raise LineRefused("unauthorized", NO_TOKEN)
        return Opening(
            Bearer(token, self._address),
            StandingChat(message.chat_id, message.resume, message.draft_id),
            input=message.input.wire() if message.input else None,
            output=message.output.wire() if message.output else None,
            manual=message.turns == "manual",
            greet=message.greet,
            settings=message.chosen,
        )

    def heard(self, message: Message) -> Heard:
        """Read any later message."""
        if isinstance(message, bytes):
            return Hear(message)
        match read := parse(message):
            case ChatSpeak():
                return Hear(audio_of(read))
            case Commit():
                return line.Commit()
            case ChatMessage(text=text, message_id=message_id):
                return line.Say(text, message_id)
            case ReplyNow():
                return line.RequestReply()
            case Transferred(done=done):
                return line.Transferred(done)
            case Stop():
                return line.Stop()
            case Mute(muted=muted):
                return line.Mute(muted)
            case Played(turn=turn, ms=ms):
                return line.Played(turn, ms)
            case EchoHeard(delay_ms=delay_ms, residual_db=residual_db):
                return line.EchoReport(delay_ms, residual_db)
            case Dtmf(digit=digit):
                return line.Digit(digit)
            case Ping():
                return Respond((_PONG,))
            case ChatSilence():
                return line.HangUp()
            case ChatVoice():
                raise ProtocolError("already_open", "This connection has its call; open another connection.")
            case _ as never:
                assert_never(never)

    def render(self, event: LineEvent) -> list[Message]:
        """Render an event as JSON."""
        if isinstance(event, LineOpened):
            self._opened()
            return [_json(_ready(event))]
        message = render(event)
        return [_json(message)] if message else []

    def audio(self, packet: Packet) -> list[Message]:
        """Render a packet: its announcement, then its audio."""
        assert packet.turn is not None  # this line is not continuous
        block = ReplyAudio(packet.turn, packet.seq, packet.at_ms, packet.duration_ms, packet.text, _NO_AUDIO)
        return [_json(render(block)), packet.data]


def _ready(opened: LineOpened) -> dict[str, Any]:
    heard, spoken = opened.input, opened.output
    return {
        "type": "chat_voice",
        "chat_id": opened.chat_id,
        "attempt_id": opened.attempt_id,
        "conversation_id": opened.conversation_id,
        "group_id": opened.group_id,
        "resume": opened.resume,
        "input": {"encoding": heard.encoding, "rate": heard.rate_hz, "channels": heard.channels},
        "output": {"encoding": spoken.encoding, "rate": spoken.rate_hz},
        "engines": dict(opened.engines),
    }


def _json(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
