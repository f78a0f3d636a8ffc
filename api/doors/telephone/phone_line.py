"""A line of the telephone: the `Line` of every door, with what a caller hears before and after a call."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from api.doors.line import Close, Line, LineRefused, Message, Patience, Wire
from api.doors.telephone.announcer import Announcer
from api.doors.telephone.desk import Desk
from api.doors.telephone.dialect import PhoneDialect
from api.doors.telephone.sentences import RECORDED_HZ, recorded
from models.records.telephone import CallReason

PATIENCE = Patience(first_message_s=180.0, send_s=12.0)
"""A PIN may be asked for before the call is open; the longest recorded sentence takes seven seconds."""

MESSAGES_WAITING = 256
"""Messages that wait to be read; beyond it the wire is not read (backpressure)."""

_REASONS: dict[str, CallReason] = {
    "busy": "busy",
    "closed": "closed",
    "no_pin": "no-pin",
    "refused": "refused",
    "machine": "machine",
    "hung_up": "caller",
}


class PhoneWire:
    """A wire whose `receive` may be cancelled, and which says a last sentence before it is closed.

    Use as an async context manager: it reads ahead in it.

    Args:
        wire: the connection.
        dialect: renders the sentence.
        desk: has the clock.
    """

    def __init__(self, wire: Wire, dialect: PhoneDialect, desk: Desk) -> None:
        self._wire = wire
        self._dialect = dialect
        self._desk = desk
        self._read: asyncio.Queue[Message | Exception | None] = asyncio.Queue(MESSAGES_WAITING)
        self._gone = False

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read_ahead(), name="telephone wire")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def receive(self) -> Message | None:
        """Wait for the next message; may be cancelled."""
        if self._gone and self._read.empty():
            return None
        read = await self._read.get()
        if isinstance(read, Exception):
            raise read
        return read

    async def send(self, message: Message) -> None:
        """Send a message."""
        await self._wire.send(message)

    async def close(self, reason: Close) -> None:
        """Say the last sentence, if there is one, hang up, and close the wire."""
        if self._dialect.hung_up and reason is Close.GONE:
            reason = Close.ENDED  # the caller has gone, and the wire has not
        try:
            if (sentence := self._dialect.parting(reason)) is not None:
                with suppress(ConnectionError, EOFError, LineRefused):
                    async with Announcer(self, self._dialect, self._desk.clock) as announcer:
                        await announcer.say(recorded(sentence), RECORDED_HZ)
            if reason is Close.RESTARTING and self._dialect.resumes:
                await self._dialect.come_back()
            elif reason is not Close.GONE and not self._dialect.away:
                await self._dialect.hang_up()
        finally:
            await self._wire.close(reason)

    async def _read_ahead(self) -> None:
        read: Message | Exception | None = ""
        while read is not None and not isinstance(read, Exception):
            try:
                read = await self._wire.receive()
            except Exception as error:  # noqa: BLE001  # raised where it is received
                read = error
            await self._read.put(read)
        self._gone = True


class PhoneLine:
    """One call's connection. `serve` carries it until the call or the connection ends, and frees what it holds.

    Args:
        wire: carries its messages.
        dialect: of its line.
        desk: receives the call.
        patience: other timeouts than the telephone's.
    """

    def __init__(self, wire: Wire, dialect: PhoneDialect, desk: Desk, *, patience: Patience | None = None) -> None:
        self._wire = wire
        self._dialect = dialect
        self._desk = desk
        self._patience = patience or PATIENCE

    async def serve(self) -> None:
        """Carry the call; where its carrier does not come back for it, it ends with its connection."""
        dialect, desk = self._dialect, self._desk
        try:
            async with PhoneWire(self._wire, dialect, desk) as wire:
                await Line(wire, dialect, desk.service, patience=self._patience, clock=desk.clock).serve()
        finally:
            await asyncio.shield(self._left())

    async def _left(self) -> None:
        reception = self._dialect.reception
        if reception is None:
            return
        reception.attended = False
        call = reception.call
        if call is None or call.session.over:
            if call is None:
                await reception.end(_REASONS.get(self._dialect.problem, "failed"))
        elif self._dialect.hung_up or not (self._dialect.away or self._dialect.resumes):
            await reception.hang_up()
