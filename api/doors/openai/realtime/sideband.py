"""`WS /v1/realtime?call_id=`: a second connection to a call over WebRTC, which hears its events and sends some."""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from api.auth import Access
from api.doors.line import Close, LineRefused, Message, WebSocketWire
from models.records.core import Grant
from pipeline.errors import Busy

LISTENERS_LIMIT = 4
"""Most connections beside one call."""

WAITING_LIMIT = 400
"""Events that wait to be sent to one of them; a slower one is disconnected."""

SEND_S = 10.0

Events = asyncio.Queue[Message | None]
"""Server events in order; None once there are no more."""


class SidebandCall(Protocol):
    """A call that others listen to."""

    def joined(self) -> AbstractContextManager[Events]:
        """Listen within the block.

        Raises:
            Busy: as many listen as may.
        """
        ...

    async def take(self, message: Message, /) -> None:
        """Take a client event, as one from the call's own client; waits while too many wait."""
        ...


class SidebandCalls(Protocol):
    """The calls over WebRTC."""

    def find(self, grant: Grant, call_id: str, /) -> SidebandCall:
        """Return the open call of this id.

        Raises:
            UnknownCall: there is none, or it is somebody else's.
        """
        ...


class Listeners:
    """Who listens to the events of one call."""

    def __init__(self) -> None:
        self._queues: set[Events] = set()

    @contextmanager
    def joined(self) -> Iterator[Events]:
        """Add a listener within the block.

        Raises:
            Busy: as many listen as may.
        """
        if len(self._queues) >= LISTENERS_LIMIT:
            raise Busy(f"At most {LISTENERS_LIMIT} connections may listen to a call; close one of them.")
        queue: Events = asyncio.Queue(WAITING_LIMIT)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def tell(self, message: Message | None) -> None:
        """Tell them an event, or by None that the call is over; whoever reads too slowly hears no more."""
        for queue in list(self._queues):
            if slow := queue.full():
                self._queues.discard(queue)
                queue.get_nowait()
            queue.put_nowait(None if slow else message)


async def serve_sideband(wire: WebSocketWire, call: SidebandCall, access: Access, grant: Grant) -> None:
    """Carry events both ways until either side ends."""
    try:
        reason = await _exchanged(wire, call, access, grant)
    except Busy:
        reason = Close.BUSY
    with suppress(ConnectionError):
        await wire.close(reason)


async def _exchanged(wire: WebSocketWire, call: SidebandCall, access: Access, grant: Grant) -> Close:
    reason = Close.GONE
    with call.joined() as events:
        tasks = [
            asyncio.create_task(_listen(wire, events), name="sideband listener"),
            asyncio.create_task(_speak(wire, call), name="sideband speaker"),
        ]
        with access.holding(grant, lambda: _stop(tasks[0])):
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0] in done:
                    reason = Close.REVOKED if tasks[0].cancelled() else Close.ENDED
            finally:
                for task in tasks:
                    task.cancel()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        match outcome:
            case LineRefused():
                reason = outcome.reason
            case ConnectionError() | EOFError() | TimeoutError() | asyncio.CancelledError() | None:
                pass
            case _:
                raise outcome
    return reason


def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()


async def _listen(wire: WebSocketWire, events: Events) -> None:
    while (message := await events.get()) is not None:
        async with asyncio.timeout(SEND_S):
            await wire.send(message)


async def _speak(wire: WebSocketWire, call: SidebandCall) -> None:
    while (message := await wire.receive()) is not None:
        await call.take(message)
