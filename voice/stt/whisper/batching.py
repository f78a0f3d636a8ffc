"""Opportunistic batching: the first thread decodes what is queued behind it, up to 8 utterances, the urgent first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

from voice.errors import Cancelled as CancelledError

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_BATCH = 8
"""Maximum batch size: decoding a batch of 8 costs a quarter of decoding its utterances one by one."""


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Job, Result]):
    job: Job
    cancelled: Callable[[], bool]
    urgent: bool
    results: list[Result] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Batcher(Generic[Job, Result]):
    """Batches the jobs of several threads; one thread at a time runs a batch.

    No job is delayed to fill a batch: the first thread starts at once, and what arrives meanwhile is the next batch.
    Each submitting thread waits for its result, so that the queue is bounded by their number. Urgent jobs go before all
    others and never share a batch with them.

    Args:
        work: runs up to `MAX_BATCH` jobs; returns their results in order.

    Attributes:
        batched: called with the size of each batch that is run, in the thread that runs it; None for nobody.
    """

    def __init__(self, work: Callable[[Sequence[Job]], Sequence[Result]]) -> None:
        self.batched: Callable[[int], None] | None = None
        self._work = work
        self._changed = Condition()
        self._waiting: list[_Ticket[Job, Result]] = []
        self._working = False

    @property
    def waiting(self) -> int:
        """Number of queued jobs."""
        return len(self._waiting)

    @property
    def urgently_wanted(self) -> bool:
        """Whether an urgent job is queued: one that is not urgent and runs should give way."""
        return any(ticket.urgent for ticket in self._waiting)

    def run(self, job: Job, cancelled: Callable[[], bool], poll_s: float = 0.05, *, urgent: bool = True) -> Result:
        """Run a job, in a batch with others, and return its result. Blocking.

        Args:
            job: the job.
            cancelled: polled while the job is queued.
            poll_s: polling interval in seconds.
            urgent: whether it goes before those that are not.

        Raises:
            Cancelled: `cancelled()` turned True before the batch began.
        """
        ticket: _Ticket[Job, Result] = _Ticket(job, cancelled, urgent)
        with self._changed:
            self._waiting.append(ticket)
        while True:
            with self._changed:
                while self._working and not ticket.done and not cancelled():
                    self._changed.wait(poll_s)
                if ticket.done:
                    break
                if cancelled() and ticket in self._waiting:
                    self._waiting.remove(ticket)
                    raise CancelledError("The result is no longer wanted.")
                if self._working:
                    self._changed.wait(poll_s)
                    continue
                batch = self._next_batch()
                self._working = True
            self._run_batch(batch)
        if ticket.error is not None:
            raise ticket.error
        (result,) = ticket.results
        return result

    def _next_batch(self) -> list[_Ticket[Job, Result]]:
        urgent = [ticket for ticket in self._waiting if ticket.urgent]
        batch = (urgent or self._waiting)[:MAX_BATCH]
        self._waiting = [ticket for ticket in self._waiting if ticket not in batch]
        return batch

    def _run_batch(self, batch: list[_Ticket[Job, Result]]) -> None:
        try:
            self._do(batch)
            if len(batch) > 1:
                for ticket in [ticket for ticket in batch if ticket.error is not None]:
                    self._do([ticket])  # retry alone, so that only the job that breaks the batch fails
        finally:
            with self._changed:
                for ticket in batch:
                    ticket.done = True
                self._working = False
                self._changed.notify_all()

    def _do(self, batch: list[_Ticket[Job, Result]]) -> None:
        if self.batched is not None:
            self.batched(len(batch))
        try:
            for ticket, result in zip(batch, self._work([ticket.job for ticket in batch]), strict=True):
                ticket.results, ticket.error = [result], None
        except BaseException as error:  # noqa: BLE001 -- each waiting thread raises it
            for ticket in batch:
                ticket.error = error
