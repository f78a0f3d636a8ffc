"""Work that costs less together: whoever comes first takes along what is waiting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Generic, TypeVar

from voice.errors import Cancelled as CancelledError

Job = TypeVar("Job")
Result = TypeVar("Result")

MAX_BATCH = 8
"""Jobs done together: decoding a batch of 8 costs a quarter of decoding them one by one."""


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Job, Result]):
    job: Job
    cancelled: Callable[[], bool]
    results: list[Result] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Batcher(Generic[Job, Result]):
    """Joins jobs that several threads bring at about the same time; one thread at a time does the work.

    Nobody waits for company: the first thread works at once, and what arrives meanwhile is done together after it.
    At most as many jobs wait as there are threads that bring them.

    Args:
        work: does up to `MAX_BATCH` jobs; gives their results in order.
    """

    def __init__(self, work: Callable[[Sequence[Job]], Sequence[Result]]) -> None:
        self._work = work
        self._changed = Condition()
        self._waiting: list[_Ticket[Job, Result]] = []
        self._working = False

    @property
    def waiting(self) -> int:
        """Jobs that nobody has begun."""
        return len(self._waiting)

    def run(self, job: Job, cancelled: Callable[[], bool], poll_s: float = 0.05) -> Result:
        """Have a job done. Blocking.

        Args:
            job: what to do.
            cancelled: asked while waiting; a job not yet begun is then not done.
            poll_s: how often it is asked.

        Raises:
            Cancelled: `cancelled()` became true before the work began.
        """
        ticket: _Ticket[Job, Result] = _Ticket(job, cancelled)
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
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                self._working = True
            self._run_batch(batch)
        if ticket.error is not None:
            raise ticket.error
        (result,) = ticket.results
        return result

    def _run_batch(self, batch: list[_Ticket[Job, Result]]) -> None:
        try:
            self._do(batch)
            if len(batch) > 1:
                for ticket in [ticket for ticket in batch if ticket.error is not None]:
                    self._do([ticket])  # alone, so that one that breaks the work is the only one that fails
        finally:
            with self._changed:
                for ticket in batch:
                    ticket.done = True
                self._working = False
                self._changed.notify_all()

    def _do(self, batch: list[_Ticket[Job, Result]]) -> None:
        try:
            for ticket, result in zip(batch, self._work([ticket.job for ticket in batch]), strict=True):
                ticket.results, ticket.error = [result], None
        except BaseException as error:  # noqa: BLE001 -- each waiting thread raises it as its own
            for ticket in batch:
                ticket.error = error
