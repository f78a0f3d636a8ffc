"""The parent's connection to a recogniser's child process: sends requests, matches responses, detects its death."""

import pickle
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from voice.errors import EngineFailed
from voice.stt.base import Transcriber
from voice.stt.process.child import WorkerRequest, WorkerResponse, serve
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

POLL_S = 0.05
PENDING_LIMIT = 256
"""Maximum number of pending requests; a further one is refused. The workers' queue is bounded more tightly."""

_END_S = 1.0


class WorkerDied(EngineFailed):
    """The child process died, or was killed because it hung."""


class WorkerKilled(WorkerDied):
    """The child was killed from outside (SIGKILL), so no request of ours caused its death."""


@dataclass(slots=True)
class _Pending:
    """A pending request; `settled` without a response means that the child died."""

    settled: Event = field(default_factory=Event)
    response: WorkerResponse | None = None


class Link:
    """A child process and the pending requests to it.

    A writer and a reader thread do the I/O, so that a caller never waits past its deadline, even if the child has
    stopped reading.

    Args:
        make: picklable factory of the engine, called in the child.
        niceness: increment of the child's niceness.
        batched: called with the size of each batch of the child's, in the reader's thread; None for nobody.
    """

    def __init__(
        self, make: Callable[[], Transcriber], niceness: int, batched: Callable[[int], None] | None = None
    ) -> None:
        self._batched = batched
        context = get_context("spawn")
        self.warmed = False
        self.dead = False
        self._killed_here = False
        self._connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, make, niceness), name="recogniser", daemon=True)
        self.process.start()
        theirs.close()
        self._lock = Lock()
        self._pending: dict[int, _Pending] = {}
        self._next = 0
        self._outbox: SimpleQueue[bytes | None] = SimpleQueue()  # bounded by PENDING_LIMIT and one message per stream
        self._writer = Thread(target=self._write, name="recogniser requests", daemon=True)
        self._reader = Thread(target=self._read, name="recogniser responses", daemon=True)
        self._writer.start()
        self._reader.start()

    @property
    def pending(self) -> int:
        """Number of pending requests."""
        return len(self._pending)

    def request(self, verb: str, *args: Any, deadline_s: float, cancelled: Cancelled = never_cancelled) -> Any:
        """Send a request and wait for its response.

        Raises:
            WorkerKilled, WorkerDied: the child died; there will be no response.
            EngineFailed: too many requests are pending, or the engine failed.
            Cancelled: `cancelled()` turned True; the child is notified.
        """
        pending = _Pending()
        with self._lock:
            if self.dead:
                raise self._death()
            if len(self._pending) >= PENDING_LIMIT:
                raise EngineFailed("Too many requests wait for the recogniser; try again in a moment.")
            self._next += 1
            number = self._next
            self._pending[number] = pending
        try:
            self._post(WorkerRequest(number, verb, args))
            return self._response(number, pending, deadline_s, cancelled)
        finally:
            with self._lock:
                self._pending.pop(number, None)

    def notify(self, verb: str, *args: Any) -> None:
        """Send a notification, which has no response; a no-op if the child is dead."""
        if not self.dead:
            self._post(WorkerRequest(0, verb, args))

    def kill(self) -> None:
        """Kill the process and wait until it has ended."""
        self._killed_here = True
        self.process.kill()
        self._reader.join()

    def _post(self, request: WorkerRequest) -> None:
        self._outbox.put(pickle.dumps(request, protocol=pickle.HIGHEST_PROTOCOL))

    def _response(self, number: int, pending: _Pending, deadline_s: float, cancelled: Cancelled) -> Any:
        notified = False
        for _ in range(round(deadline_s / POLL_S)):
            if pending.settled.wait(POLL_S):
                break
            if cancelled() and not notified:
                notified = True
                self.notify("cancel", number)
        else:
            self.kill()
            raise WorkerDied(f"The recogniser did not answer within {deadline_s:.0f} s and was restarted.")
        if pending.response is None:
            raise self._death()
        if pending.response.error is not None:
            raise pending.response.error
        return pending.response.value

    def _death(self) -> WorkerDied:
        from_outside = self.process.exitcode == -signal.SIGKILL and not self._killed_here
        return (WorkerKilled if from_outside else WorkerDied)(
            "The recogniser's process ended in the middle of its work."
        )

    def _write(self) -> None:
        with suppress(OSError):  # the reader thread handles a closed connection
            while (data := self._outbox.get()) is not None:
                self._connection.send_bytes(data)

    def _read(self) -> None:
        try:
            with suppress(EOFError, OSError):
                while True:
                    response: WorkerResponse = pickle.loads(self._connection.recv_bytes())
                    if self._batched is not None:
                        for size in response.batches:
                            self._batched(size)
                    with self._lock:
                        pending = self._pending.get(response.number)
                    if pending is not None:
                        pending.response = response
                        pending.settled.set()
        finally:
            self._ended()

    def _ended(self) -> None:
        self.process.join(_END_S)
        self.process.kill()  # a child without a connection is of no use
        self.process.join()
        self._outbox.put(None)
        self._writer.join()
        self._connection.close()
        with self._lock:
            self.dead = True
            outstanding = list(self._pending.values())
        for pending in outstanding:
            pending.settled.set()
