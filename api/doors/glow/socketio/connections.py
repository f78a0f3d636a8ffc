"""One socket: whose it is, which rooms it hears, which calls it speaks in; all bounded, and all ended with it."""

import asyncio
import base64
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import socketio

from api.doors.glow.socketio.seats import Seat, audio_of
from api.service import Service
from models.records.core import User
from pipeline.call.call import Call
from pipeline.chats.hub import chat_channel, profile_channel
from pipeline.errors import NotOwner, TooMany

log = logging.getLogger(__name__)

AT_ONCE_LIMIT = 64
"""Operations that one socket may have under way; with so many it is not read until one has ended."""

ADMIT_S = 10.0
"""If none ends within this, what the socket asks for is refused: a client that is not read for longer seems dead."""

CHANNELS_LIMIT = 5_000
"""Rooms that one socket may hear."""

UNREAD_LIMIT = 3_000
"""Packets that a socket has not read: half a minute of a spoken reply. It is let go, and may connect again."""


class Connection:
    """One socket of one user.

    Args:
        server: what it is connected to.
        service: where its rooms and calls are.

    Attributes:
        sid: its name.
        channel: where it alone hears.
        as_base64: it wants its audio as base64 rather than as bytes.
        lanes: what must happen in the order it was asked for waits here.
    """

    def __init__(self, server: socketio.AsyncServer, sid: str, eio_sid: str, user: User, service: Service) -> None:
        self.sid = sid
        self.user = user
        self.as_base64 = False
        self._slots = asyncio.Semaphore(AT_ONCE_LIMIT)
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._server = server
        self._eio_sid = eio_sid
        self._service = service
        self.channel = f"socket_{sid}"
        self._hears = service.hub.subscribe([self.channel, profile_channel(user.id)])
        self._seats: dict[str, Seat] = {}
        self._sitting: set[asyncio.Task[None]] = set()

    async def admit(self) -> bool:
        """Take a place for one more operation, to be given back with `release`; False where none becomes free."""
        try:
            async with asyncio.timeout(ADMIT_S):
                return await self._slots.acquire()
        except TimeoutError:
            return False

    def release(self) -> None:
        """An operation has ended."""
        self._slots.release()

    # ---------------------------------------------------------------- rooms

    def send(self, name: str, payload: Mapping[str, Any]) -> None:
        """Tell this socket alone, after everything that it was told before."""
        self._service.hub.publish(self.channel, name, payload, user_id=self.user.id)

    def join(self, channel: str) -> None:
        """Hear a room.

        Raises:
            TooMany: it hears as many as one may.
        """
        if channel not in self._hears.joined and len(self._hears.joined) >= CHANNELS_LIMIT:
            raise TooMany(f"A socket hears at most {CHANNELS_LIMIT} rooms; leave one before you join another.")
        self._hears.join(channel)

    def hears(self, channel: str) -> bool:
        """Whether it has joined a room."""
        return channel in self._hears.joined

    def leave(self, channel: str) -> None:
        """Hear it no more."""
        self._hears.leave(channel)

    async def forward(self) -> None:
        """Hand events to the socket until it goes; one that does not read is disconnected."""
        last: tuple[str, str, Mapping[str, Any]] = ("", "", {})
        async for event in self._hears:
            payload = {key: value for key, value in event.payload.items() if key != "chat_id"}
            # The end of an attempt is told in each of its chats and to its owner: who hears several hears it once.
            if (event.name, payload) == (last[0], last[2]) and event.channel != last[1]:
                continue
            last = (event.name, event.channel, payload)
            try:
                await self._server.emit(event.name, self._as_wanted(event.payload), to=self.sid)
            except (TypeError, ValueError):
                # One event that cannot be put into words must not silence all that come after it.
                log.exception("The event %s could not be sent.", event.name)
            if self.unread > UNREAD_LIMIT:
                break
        if self._hears.overflowed or not self._hears.closed:
            log.warning("A socket reads too slowly and is disconnected.")
            await self._server.disconnect(self.sid)

    @property
    def unread(self) -> int:
        """Packets that the socket has not taken."""
        found = self._server.eio.sockets.get(self._eio_sid)
        return 0 if found is None else int(found.queue.qsize())

    def _as_wanted(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        audio = payload.get("audio")
        if self.as_base64 and isinstance(audio, bytes):
            return {**payload, "audio": base64.b64encode(audio).decode()}
        return dict(payload)

    # ---------------------------------------------------------------- voice

    def sit_down(self, call: Call) -> None:
        """Speak in this call and hear it, until it is over or the socket goes."""
        chat_id = call.session.conversation.chat_id
        if self.sits_in(call):
            return
        self.join(chat_channel(chat_id))
        seat = Seat(self._service, self.user, call, lambda problem: self.complain(chat_id, problem))
        self._seats[chat_id] = seat
        sitting = asyncio.get_running_loop().create_task(self._sit(chat_id, seat), name=f"seat {chat_id}")
        self._sitting.add(sitting)
        sitting.add_done_callback(self._sitting.discard)

    def sits_in(self, call: Call) -> bool:
        """Whether this socket attends the call."""
        seat = self._seats.get(call.session.conversation.chat_id)
        return seat is not None and seat.call is call

    def hear(self, payload: Any) -> bool:
        """Take a frame; never waits. False where there is no call to hear it."""
        audio = audio_of(payload)
        if audio is None:
            return False
        seat = self._seat(payload)
        if seat is not None:
            seat.hear(audio)
        return seat is not None

    def complain(self, chat_id: str, problem: str) -> None:
        """Tell this socket what went wrong with its audio, or in its call."""
        self.send("attempt_error", {"chat_id": chat_id, "type": "audio", "message": problem})

    async def heard(self, call: Call) -> None:
        """Return when what this socket said has been heard, and its call is over."""
        seat = self._seats.get(call.session.conversation.chat_id)
        if seat is not None and seat.call is call:
            seat.hang_up()
            await call.session.finished()

    def close(self) -> None:
        """The socket has gone: its calls end once what it said is heard."""
        for seat in self._seats.values():
            seat.hang_up()
        self._hears.close()

    async def closed(self) -> None:
        """Return when its calls are over."""
        await asyncio.gather(*self._sitting, return_exceptions=True)

    def _seat(self, payload: Mapping[str, Any]) -> Seat | None:
        chat_id, conversation_id = payload.get("chat_id"), payload.get("conversation_id")
        if isinstance(chat_id, str) and chat_id in self._seats:
            return self._seats[chat_id]
        # A call that another door opened, and that nobody hears yet, is this socket's with its first frame.
        try:
            call = self._service.calls.find(
                self.user.id,
                chat_id=chat_id if isinstance(chat_id, str) else None,
                conversation_id=conversation_id if isinstance(conversation_id, str) else None,
            )
        except NotOwner:
            return None
        if call is None:
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
