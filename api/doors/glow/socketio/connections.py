"""One socket: its user, the rooms it hears and the calls it attends; all bounded, and all ended with it."""

import asyncio
import base64
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import socketio

from api.auth import calls_only
from api.doors.glow.operations.voice import asking_of
from api.doors.glow.socketio.seats import Seat, audio_of
from api.service import Service
from models.records.core import Grant
from pipeline.call.call import Call
from pipeline.chats.hub import chat_channel, profile_channel
from pipeline.errors import NotOwner, TooMany
from pipeline.practice.progress import REFUSALS

log = logging.getLogger(__name__)

AT_ONCE_LIMIT = 64
"""Most concurrent operations of a socket; at the limit it is not read until one has ended (backpressure)."""

ADMIT_S = 10.0
"""Timeout of a free place, after which an event is refused: a client that is not read for longer seems dead."""

CHANNELS_LIMIT = 5_000
"""Most rooms of one socket."""

BROUGHT_LIMIT = 200
"""Most frames of a call that wait while another process releases it: a second of a browser's, and more."""

BRINGING_LIMIT = 16
"""Most calls that a socket asks other processes for at once."""

ABSENT_S = 2.0
"""Seconds until frames without a call make the other processes be asked for it again."""

UNREAD_LIMIT = 3_000
"""Most unread packets of a socket: half a minute of a spoken reply. Beyond it is disconnected, and may reconnect."""


class Connection:
    """One socket of one user.

    Args:
        server, sid, eio_sid, grant: the server of the connection, and see below.
        service: has its channels and calls.

    Attributes:
        sid, eio_sid: its id, and that of the engine.io connection beneath.
        grant: what it may.
        channel: its own channel.
        as_base64: it gets audio as base64 rather than as bytes.
        lanes: the queues of operations that are carried out in the order they were sent.
    """

    def __init__(self, server: socketio.AsyncServer, sid: str, eio_sid: str, grant: Grant, service: Service) -> None:
        self.sid = sid
        self.grant = grant
        self.user = grant.user
        self.as_base64 = False
        self._slots = asyncio.Semaphore(AT_ONCE_LIMIT)
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._server = server
        self.eio_sid = eio_sid
        self._service = service
        self.channel = f"socket_{sid}"
        channels = [self.channel] if calls_only(grant.scope) else [self.channel, profile_channel(self.user.id)]
        self._hears = service.hub.subscribe(channels)
        self._seats: dict[str, Seat] = {}
        self._sitting: set[asyncio.Task[None]] = set()
        self._held = ExitStack()
        self._bringing: dict[str, list[Any] | None] = {}
        """The frames that wait for a call of another process, by its name; None for one that there was not just now."""

    def hold(self, revoked: Callable[[], None]) -> None:
        """Have `revoked` called if its token is, while it is connected."""
        self._held.enter_context(self._service.access.holding(self.grant, revoked))

    async def admit(self) -> bool:
        """Take a place for an operation, to be released with `release`; return False if none becomes free."""
        try:
            async with asyncio.timeout(ADMIT_S):
                return await self._slots.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        """Release the place of an operation that has ended."""
        self._slots.release()

    # ---------------------------------------------------------------- rooms

    def send(self, name: str, payload: Mapping[str, Any]) -> None:
        """Send an event to this socket alone, after everything sent before."""
        self._service.hub.publish(self.channel, name, payload, user_id=self.user.id)

    def join(self, channel: str) -> None:
        """Join a room.

        Raises:
            TooMany: it has joined as many as it may.
        """
        if channel not in self._hears.joined and len(self._hears.joined) >= CHANNELS_LIMIT:
            raise TooMany(f"A socket hears at most {CHANNELS_LIMIT} rooms; leave one before you join another.")
        self._hears.join(channel)

    def hears(self, channel: str) -> bool:
        """Return whether it has joined a room."""
        return channel in self._hears.joined

    def leave(self, channel: str) -> None:
        """Leave a room."""
        self._hears.leave(channel)

    async def forward(self) -> None:
        """Forward events to the socket until it disconnects; disconnect it if it does not read."""
        last: tuple[str, str, Mapping[str, Any]] = ("", "", {})
        async for event in self._hears:
            payload = {key: value for key, value in event.payload.items() if key != "chat_id"}
            # The end of an attempt is published on each of its chats' channels and its owner's; a socket gets it once.
            if (event.name, payload) == (last[0], last[2]) and event.channel != last[1]:
                continue
            last = (event.name, event.channel, payload)
            try:
                await self._server.emit(event.name, self._as_wanted(event.payload), to=self.sid)
            except (TypeError, ValueError):
                # One event that cannot be encoded must not suppress all that follow.
                log.exception("The event %s could not be sent.", event.name)
            if self.unread > UNREAD_LIMIT:
                break
        if self._hears.overflowed or not self._hears.closed:
            log.warning("A socket reads too slowly and is disconnected.")
            await self._server.disconnect(self.sid)

    async def close_transport(self) -> None:
        """Close what carries the socket, after everything sent before."""
        found = self._server.eio.sockets.get(self.eio_sid)
        if found is not None:
            await found.queue.put(None)  # ends engineio's writer, or its answer to a polling request
            if not found.upgraded:
                await found.close(wait=False)

    @property
    def unread(self) -> int:
        """Return the number of packets that the socket has not read."""
        found = self._server.eio.sockets.get(self.eio_sid)
        return 0 if found is None else int(found.queue.qsize())

    def _as_wanted(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        audio = payload.get("audio")
        if self.as_base64 and isinstance(audio, bytes):
            return {**payload, "audio": base64.b64encode(audio).decode()}
        return dict(payload)

    # ---------------------------------------------------------------- voice

    def sit_down(self, call: Call) -> None:
        """Attend this call until it is over or the socket disconnects."""
        chat_id = call.session.conversation.chat_id
        if self.sits_in(call):
            return
        self.join(chat_channel(chat_id))
        seat = Seat(self._service, self.grant, call, lambda problem: self.complain(chat_id, problem))
        self._seats[chat_id] = seat
        sitting = asyncio.get_running_loop().create_task(self._sit(chat_id, seat), name=f"seat {chat_id}")
        self._sitting.add(sitting)
        sitting.add_done_callback(self._sitting.discard)

    def sits_in(self, call: Call) -> bool:
        """Return whether this socket attends the call."""
        seat = self._seats.get(call.session.conversation.chat_id)
        return seat is not None and seat.call is call

    def hear(self, payload: Any) -> bool:
        """Take a frame; never waits. Return False if there is no call for it."""
        audio = audio_of(payload)
        if audio is None:
            return False
        seat = self._seat(payload)
        if seat is not None:
            seat.hear(audio)
        return seat is not None

    def take(self, payload: Any) -> None:
        """Take a frame that nobody acknowledges; never waits. One for a call of another process brings it here."""
        if self.hear(payload) or self._service.neighbours is None or audio_of(payload) is None:
            return
        name = str(payload.get("chat_id") or payload.get("conversation_id") or "")[:200]
        if name in self._bringing:
            waiting = self._bringing[name]
            if waiting is not None and len(waiting) < BROUGHT_LIMIT:
                waiting.append(payload)
        elif len(self._bringing) < BRINGING_LIMIT:
            self._bringing[name] = [payload]
            bringing = asyncio.get_running_loop().create_task(self._bring(name), name=f"call {name} from elsewhere")
            self._sitting.add(bringing)
            bringing.add_done_callback(self._sitting.discard)

    async def _bring(self, name: str) -> None:
        """Have a call go on here, and hear the frames that waited for it."""
        frames = self._bringing[name] or []
        try:
            if frames and await self.bring(frames[0]) and self.hear(frames[0]):
                for payload in frames[1:]:
                    self.hear(payload)
                del self._bringing[name]
                return
        except REFUSALS as error:
            log.info("The call of a frame does not go on here: %s", error)
        self._bringing[name] = None
        asyncio.get_running_loop().call_later(ABSENT_S, self._bringing.pop, name, None)

    async def bring(self, payload: Any) -> bool:
        """Have the call of a frame go on here if another process carries it and nobody attends it; return whether.

        Raises:
            PipelineError, ModelError: it cannot.
        """
        service, grant = self._service, self.grant
        if service.neighbours is None or audio_of(payload) is None:
            return False
        named = {name: value for name in ("chat_id", "conversation_id") if isinstance(value := payload.get(name), str)}
        if service.calls.find(self.user.id, **named) is not None:
            return False  # somebody attends it here
        call = await service.calls.orders.named(self.user.id, **named)
        if call is None:
            return False
        await service.access.check(grant, "attempt.chat_speak", chat_id=call.chat_id)
        await service.calls.unattended_elsewhere(self.user.id, call.chat_id)
        asking = asking_of(service.asked_by(grant), self.user)
        return await service.practice.spoken.find(asking, chat_id=call.chat_id) is not None

    def complain(self, chat_id: str, problem: str) -> None:
        """Send this socket a problem with its audio, or in its call."""
        self.send("attempt_error", {"chat_id": chat_id, "type": "audio", "message": problem})

    async def heard(self, call: Call) -> None:
        """Return when all of this socket's audio has been heard, and its call is over."""
        seat = self._seats.get(call.session.conversation.chat_id)
        if seat is not None and seat.call is call:
            seat.hang_up()
            await call.session.finished()

    def close(self) -> None:
        """End the socket's calls once its audio has been heard: it has disconnected."""
        for seat in self._seats.values():
            seat.hang_up()
        self._hears.close()
        self._held.close()

    async def closed(self) -> None:
        """Return when its calls are over."""
        await asyncio.gather(*self._sitting, return_exceptions=True)

    def _seat(self, payload: Mapping[str, Any]) -> Seat | None:
        chat_id, conversation_id = payload.get("chat_id"), payload.get("conversation_id")
        if isinstance(chat_id, str) and chat_id in self._seats:
            return self._seats[chat_id]
        # The first frame attends an unattended call that another door has opened.
        try:
            call = self._service.calls.find(
                self.user.id,
                chat_id=chat_id if isinstance(chat_id, str) else None,
                conversation_id=conversation_id if isinstance(conversation_id, str) else None,
            )
        except NotOwner:
            return None
        if call is None or not self._service.access.may_attend(self.grant, call):
            return None
        if not call.attended:
            self.sit_down(call)
        return self._seats.get(call.session.conversation.chat_id)

    async def _sit(self, chat_id: str, seat: Seat) -> None:
        try:
            await seat.sit()
        finally:
            if self._seats.get(chat_id) is seat:
                del self._seats[chat_id]
