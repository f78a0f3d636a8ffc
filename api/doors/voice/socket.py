"""`WS /attempt/chat_voice`: the native voice websocket. JSON text messages, binary audio both ways."""

import asyncio
import json
import logging
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from api.auth import Unauthorized, user_for, websocket_subprotocol, websocket_token
from api.doors.voice.messages import (
    ChatMessage,
    ChatSilence,
    ChatSpeak,
    ChatVoice,
    ClientMessage,
    Commit,
    Dtmf,
    Input,
    Mute,
    Output,
    Ping,
    Played,
    ProtocolError,
    Stop,
    audio_of,
    parse,
    render,
)
from api.service import Service
from models.errors import ModelError, NotFound
from models.records.core import User
from models.store.attempts import CHAT_NOT_FOUND
from pipeline.call.call import (
    BACKLOG_LIMIT,
    Call,
)
from pipeline.conversation.events import CallEnded, Problem, ReplyAudio, ReplyCleared, ReplyEnded, SessionEvent
from pipeline.errors import Busy, NotOwner, PipelineError
from voice.audio.formats import AudioFormat
from voice.audio.outlet import AudioOutlet
from voice.errors import VoiceError

log = logging.getLogger(__name__)
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client is waited for; `app.state.patience` may hold another.

    Attributes:
        first_message_s: a connection that says nothing for this long is closed.
        send_s: a single send that takes longer means that nobody reads.
        outbox: messages waiting to be sent; a client that reads so slowly is disconnected, and may resume.
    """

    first_message_s: float = 10.0
    send_s: float = 10.0
    outbox: int = 400


ENDED, NOT_ALLOWED, TOO_LARGE, BROKEN, RESTARTING, BUSY = 1000, 1008, 1009, 1011, 1012, 1013

MESSAGES_AT_ONCE = 8
"""Messages read before the event loop gets its turn: a receive buffer may hold thousands of them."""

_NO_AUDIO = np.zeros(0, np.int16)


_Outgoing = tuple[str | bytes | None, SessionEvent | None]
"""A message, None to close; and the event that it tells, to be kept should it not reach the client."""


class Refused(Exception):
    """The connection cannot go on: the error to tell, and the code to close with."""

    def __init__(self, code: str, message: str, close: int = NOT_ALLOWED) -> None:
        super().__init__(message)
        self.code = code
        self.close = close


@router.websocket("/attempt/chat_voice")
async def chat_voice(websocket: WebSocket) -> None:
    """A spoken conversation over one connection."""
    patience: Patience = getattr(websocket.app.state, "patience", Patience())
    await websocket.accept(subprotocol=websocket_subprotocol(websocket))
    try:
        await _Connection(websocket, websocket.app.state.service, patience).serve()
    except Refused as refusal:
        await _close(websocket, refusal, patience.send_s)
    except WebSocketDisconnect:
        pass


async def _close(websocket: WebSocket, refusal: Refused, send_s: float) -> None:
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    # The client may have gone first, or may not read.
    with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(send_s):
            await websocket.send_text(json.dumps(render(Problem(refusal.code, str(refusal), fatal=True))))
            await websocket.close(refusal.close)


class _Connection:
    """One client: reads its messages into a call, and writes the call's events to it."""

    def __init__(self, websocket: WebSocket, service: Service, patience: Patience) -> None:
        self._websocket = websocket
        self._service = service
        self._patience = patience
        self._outbox: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._room = patience.outbox
        self._sending: SessionEvent | None = None
        self._overflowed = False
        self._spilt: deque[SessionEvent] = deque(maxlen=BACKLOG_LIMIT)
        self._close_code = ENDED

    async def serve(self) -> None:
        opening = await self._first_message()
        user = await self._authenticate(opening)
        call, resumed = await self._open(user, opening)
        self._outlet = AudioOutlet(self._output(opening, call), call.session.settings.output_rate_hz)
        call.output = self._outlet.format
        self._turn, self._seq, self._audio_end = -1, 0, 0.0
        wire = self._input(opening, call)
        self._service.calls.attend(call)
        self._send(self._ready(call, wire))
        missed = call.take_backlog()
        self._room += len(missed)
        for event in missed:
            self._tell(event)
        stop_listening = call.session.listen(self._tell)
        try:
            if resumed:
                await call.take_format(wire)
                await call.realign()
            elif opening.greet:
                call.session.greet()
            await self._exchange(call)
        finally:
            stop_listening()
            self._service.calls.leave(call, self._unsent())

    # ------------------------------------------------------------- opening

    async def _first_message(self) -> ChatVoice:
        try:
            async with asyncio.timeout(self._patience.first_message_s):
                received = await self._receive()
        except TimeoutError:
            seconds = f"{self._patience.first_message_s:g}"
            raise Refused(
                "too_late", f"Send chat_voice as the first message, within {seconds} s of connecting."
            ) from None
        if isinstance(received, bytes):
            raise Refused("not_open", "Send chat_voice before any audio.")
        try:
            message = parse(received)
        except ProtocolError as error:
            raise Refused(error.code, str(error)) from None
        if not isinstance(message, ChatVoice):
            raise Refused("not_open", f"Send chat_voice before {message.type}.")
        return message

    async def _authenticate(self, opening: ChatVoice) -> User:
        token = websocket_token(self._websocket) or opening.token
        if not token:
            raise Refused(
                "unauthorized",
                "Send a token: in an Authorization: Bearer header, as the subprotocol bearer.<token> beside "
                "glow.voice, or as `token` in chat_voice.",
            )
        try:
            return await user_for(self._service.store, self._service.settings, token)
        except Unauthorized as error:
            raise Refused("unauthorized", str(error)) from None

    async def _open(self, user: User, opening: ChatVoice) -> tuple[Call, bool]:
        wire = (opening.input or Input()).wire()
        output = (opening.output or Output()).wire()
        calls = self._service.calls
        try:
            wire.check()
            AudioOutlet(output, output.rate_hz)
            if opening.resume is not None:
                call = await self._resumed(user, opening.chat_id, opening.resume)
                return call, True
            open_call = calls.find(user.id, chat_id=opening.chat_id)
            if open_call is not None and not open_call.attended:
                return open_call, True
            settings = self._service.session_settings(output_rate_hz=output.rate_hz, manual=opening.turns == "manual")
            return await calls.open(user.id, opening.chat_id, wire, settings), False
        except Busy as error:
            raise Refused(error.code, str(error), BUSY) from None
        except NotOwner:  # whether somebody else's chat exists is not told
            raise Refused(NotFound.code, CHAT_NOT_FOUND) from None
        except (ModelError, PipelineError, VoiceError) as error:
            raise Refused(error.code, str(error)) from None

    async def _resumed(self, user: User, chat_id: str, token: str) -> Call:
        """The call of a dropped connection. Its token takes it from a connection that seems to be alive, too."""
        while (call := self._service.calls.resume(user.id, chat_id, token)).attended:
            await call.evict()
        return call

    @staticmethod
    def _input(opening: ChatVoice, call: Call) -> AudioFormat:
        """What the client will send: on resuming, what it sent before unless it says otherwise."""
        if opening.input is None and opening.resume is not None:
            return call.wire
        return (opening.input or Input()).wire()

    @staticmethod
    def _output(opening: ChatVoice, call: Call) -> AudioFormat:
        if opening.output is None and opening.resume is not None and call.output is not None:
            return call.output
        return (opening.output or Output()).wire()

    def _ready(self, call: Call, wire: AudioFormat) -> dict[str, Any]:
        session, engines = call.session, self._service.engines
        output = self._outlet.format
        return {
            "type": "chat_voice",
            "chat_id": session.conversation.chat_id,
            "attempt_id": session.conversation.attempt_id,
            "conversation_id": session.conversation_id,
            "group_id": session.group_id,
            "resume": session.resume_token,
            "input": {"encoding": wire.encoding, "rate": wire.rate_hz, "channels": wire.channels},
            "output": {"encoding": output.encoding, "rate": output.rate_hz},
            "engines": {"stt": engines.stt.name, "llm": engines.responder.name, "tts": engines.tts.name},
        }

    # ------------------------------------------------------------ exchanging

    async def _exchange(self, call: Call) -> None:
        """Read and write until one side has enough; whichever ends first ends the other."""
        work = {"reader": self._read(call), "writer": self._write(), "eviction": self._evicted(call)}
        tasks = [asyncio.create_task(coroutine, name=f"voice {name}") for name, coroutine in work.items()]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    @staticmethod
    async def _evicted(call: Call) -> None:
        await call.evicted()
        raise Refused("taken_over", "Another connection resumed this call; this one is closed.")

    async def _read(self, call: Call) -> None:
        for number in count(1):
            if number % MESSAGES_AT_ONCE == 0:
                await asyncio.sleep(0)
            received = await self._receive()
            try:
                if isinstance(received, bytes):
                    await call.hear(received)
                else:
                    call.session.touch()
                    await self._obey(call, parse(received))
            except (ProtocolError, VoiceError, ModelError, PipelineError) as error:
                self._tell(Problem(error.code, str(error)))

    async def _obey(self, call: Call, message: ClientMessage) -> None:
        session = call.session
        match message:
            case ChatSpeak():
                await call.hear(audio_of(message))
            case Commit():
                await call.commit()
            case ChatMessage(text=text):
                await session.type_text(text)
            case Stop():
                session.stop()
            case Mute(muted=muted):
                session.mute(muted)
            case Played(turn=turn, ms=ms):
                session.played(turn, int(ms))
            case Dtmf(digit=digit):
                session.digit(digit)
            case Ping():
                self._send({"type": "pong"})
            case ChatSilence():
                await call.hang_up()
            case ChatVoice():
                raise ProtocolError("already_open", "This connection has its call; open another connection.")

    async def _write(self) -> None:
        while True:
            message, self._sending = await self._outbox.get()
            if self._overflowed:
                raise Refused("slow_client", "The client reads too slowly; resume when it can keep up.", RESTARTING)
            if message is None:
                await self._websocket.close(self._close_code)
                return
            try:
                async with asyncio.timeout(self._patience.send_s):
                    if isinstance(message, bytes):
                        await self._websocket.send_bytes(message)
                    else:
                        await self._websocket.send_text(message)
            except TimeoutError:
                raise Refused("slow_client", "The client does not read; resume when it can.", RESTARTING) from None
            self._sending = None

    def _unsent(self) -> list[SessionEvent]:
        """The events that the client was not sent, in order; what did not fit into the outbox is the last of them."""
        unsent = [self._sending]
        while not self._outbox.empty():
            unsent.append(self._outbox.get_nowait()[1])
        return [event for event in (*unsent, *self._spilt) if event is not None]

    async def _receive(self) -> str | bytes:
        """The next message.

        Raises:
            WebSocketDisconnect: there is none.
            Refused: it is larger than the limit.
        """
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1006))
        data: str | bytes = received["bytes"] if received.get("bytes") is not None else received.get("text") or ""
        limit = self._service.settings.max_message_bytes
        if len(data if isinstance(data, bytes) else data.encode()) > limit:
            raise Refused("message_too_large", f"Send messages of at most {limit} bytes; resume the call.", TOO_LARGE)
        return data

    # --------------------------------------------------------------- telling

    def _tell(self, event: SessionEvent) -> None:
        match event:
            case ReplyAudio():
                self._send_audio(event)
                return
            case ReplyCleared():
                self._outlet = AudioOutlet(self._outlet.format, self._outlet.rate_hz)
            case ReplyEnded(turn=turn):
                for packet in self._outlet.flush():
                    self._announce(turn, packet, "", None)
            case _:
                pass
        self._send(render(event), event)
        if isinstance(event, CallEnded):
            self._put(None)
        elif isinstance(event, Problem) and event.fatal:
            self._close_code = BROKEN

    def _send_audio(self, event: ReplyAudio) -> None:
        if event.turn != self._turn:
            self._turn, self._seq = event.turn, 0
        at_ms: float | None = event.at_ms
        text = event.text
        for packet in self._outlet.packets(event.audio):
            at_ms = self._announce(event.turn, packet, text, at_ms)
            text = ""

    def _announce(self, turn: int, packet: bytes, text: str, at_ms: float | None) -> float:
        duration_ms = self._outlet.duration_ms(packet)
        start = self._audio_end if at_ms is None else at_ms
        self._seq += 1
        announced = ReplyAudio(turn, self._seq, round(start), round(duration_ms), text, _NO_AUDIO)
        self._send(render(announced))
        self._put(packet)
        self._audio_end = start + duration_ms
        return self._audio_end

    def _send(self, message: dict[str, Any], event: SessionEvent | None = None) -> None:
        self._put(json.dumps(message, ensure_ascii=False, separators=(",", ":")), event)

    def _put(self, message: str | bytes | None, event: SessionEvent | None = None) -> None:
        if self._overflowed or self._outbox.qsize() >= self._room:
            self._overflowed = True
            if event is not None:
                self._spilt.append(event)
            return
        self._outbox.put_nowait((message, event))
