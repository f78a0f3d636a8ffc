"""Messages that a door produces beside the call, each stream of them in a task of the line's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from api.doors.line.dialect import PRODUCED_AT_ONCE
from api.doors.line.outbox import Outbox
from api.doors.line.wire import Message
from pipeline.errors import Busy


class ProducedStreams:
    """The streams of one line.

    Args:
        outbox: takes their messages. A stream that breaks is a defect, and ends the line.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, messages: AsyncGenerator[Message]) -> None:
        """Begin to send a stream.

        Raises:
            Busy: too many are being sent.
        """
        if len(self._tasks) >= PRODUCED_AT_ONCE:
            raise Busy(f"At most {PRODUCED_AT_ONCE} of these run at once; wait for one of them.")
        task = asyncio.create_task(self._send(messages), name="produced messages")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End them all."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, messages: AsyncGenerator[Message]) -> None:
        try:
            async with aclosing(messages):
                async for message in messages:
                    self._outbox.put([message])
        except Exception as error:  # noqa: BLE001  # the line ends with it, and says so
            self._outbox.fail(error)
