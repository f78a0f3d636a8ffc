"""The bounded queue of messages to a caller, which keeps the events that did not reach it."""

import asyncio
from collections import deque
from collections.abc import Iterable

from api.doors.line.wire import Close, LineRefused, Message, Wire
from models.columns import clean
from pipeline.call.call import BACKLOG_LIMIT
from pipeline.conversation.events import SessionEvent

_Outgoing = tuple[Message | None, SessionEvent | None]
"""A message, None for the end; and the event that it renders, kept if it does not reach the caller."""


class Outbox:
    """The messages to send. If they exceed the limit, the caller reads too slowly: it is disconnected, and may resume.

    Args:
        limit: most messages that may wait.
        send_s: timeout of a single send.
    """

    def __init__(self, limit: int, send_s: float) -> None:
        self._limit = limit
        self._send_s = send_s
        self._waiting: asyncio.Queue[_Outgoing] = asyncio.Queue()
        self._sending: SessionEvent | None = None
        self._overflowed = False
        self._spilt: deque[SessionEvent] = deque(maxlen=BACKLOG_LIMIT)
        self._failure: Exception | None = None

    def widen(self, messages: int) -> None:
        """Raise the limit by a backlog, which does not indicate a slow reader."""
        self._limit += messages

    def put(self, messages: Iterable[Message], event: SessionEvent | None = None) -> None:
        """Queue the messages that render `event`; never waits. It counts as sent with the last of them."""
        whole = list(messages)
        for number, message in enumerate(whole, 1):
            self._put(_encodable(message), event if number == len(whole) else None)

    def end(self) -> None:
        """Make `run` return once everything queued is sent."""
        self._put(None, None)

    def fail(self, error: Exception) -> None:
        """Make `run` raise this instead of sending more."""
        self._failure = self._failure or error
        self._put(None, None)

    async def run(self, wire: Wire) -> None:
        """Send the queued messages, until the end.

        Raises:
            Refused: the caller reads too slowly, or not at all.
            ConnectionError: the caller has gone.
            ValueError, TypeError: the wire cannot carry a message. Its event is not kept: it would end each resume.
        """
        while True:
            message, self._sending = await self._waiting.get()
            if self._failure is not None:
                raise self._failure
            if self._overflowed:
                raise LineRefused(
                    "slow_client", "The client reads too slowly; resume when it can keep up.", Close.RESTARTING
                )
            if message is None:
                return
            try:
                async with asyncio.timeout(self._send_s):
                    await wire.send(message)
            except (ValueError, TypeError):
                self._sending = None
                raise
            except TimeoutError:
                raise LineRefused(
                    "slow_client", "The client does not read; resume when it can.", Close.RESTARTING
                ) from None
            self._sending = None

    def unsent(self) -> list[SessionEvent]:
        """Return the events that were not sent, in order, those beyond the limit last; empties the queue."""
        unsent = [self._sending]
        while not self._waiting.empty():
            unsent.append(self._waiting.get_nowait()[1])
        return [event for event in (*unsent, *self._spilt) if event is not None]

    def _put(self, message: Message | None, event: SessionEvent | None) -> None:
        if self._overflowed or self._waiting.qsize() >= self._limit:
            self._overflowed = True
            if event is not None:
                self._spilt.append(event)
            return
        self._waiting.put_nowait((message, event))


def _encodable(message: Message) -> Message:
    """Return the message; a text that has no UTF-8 with U+FFFD for what is no character."""
    if isinstance(message, str) and not message.isascii():
        try:
            message.encode()
        except UnicodeEncodeError:
            return clean(message)
    return message
