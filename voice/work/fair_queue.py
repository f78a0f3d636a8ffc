"""The bounded queue in front of the engines: ordered by priority, fair between calls."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from threading import Event
from typing import Literal


class Priority(IntEnum):
    """Scheduling priority; the lowest value runs first. `REQUEST` is work that belongs to no call."""

    FINAL = 0
    REPLY = 1
    PARTIAL = 2
    REQUEST = 3


Dropped = Literal["refused", "unwanted", "gave_way"]
"""Why a job was not done: the queue is full, its caller cancelled it, or its engine was wanted for something urgent."""


@dataclass(frozen=True, slots=True)
class Pressure:
    """How much there is to do for workers.

    Attributes:
        load: the share of them that work, 0 to 1.
        final_waits_s: how long the oldest queued FINAL has waited; 0 without one.
    """

    load: float = 0.0
    final_waits_s: float = 0.0


class Work:
    """A unit of work that a worker thread runs step by step."""

    def __init__(self, call: str, priority: Priority) -> None:
        self.call = call
        self.priority = priority
        self.cancelled = Event()
        self.arrival = 0
        self.queued_at = 0.0

    def step(self, wanted: Callable[[], bool]) -> bool:
        """Run in a worker thread; return True if it yielded the thread because `wanted()`, with more to do."""
        raise NotImplementedError

    def refuse(self, error: Exception) -> None:
        """Fail with `error` instead of being run (any further)."""
        raise NotImplementedError

    def unpark(self) -> bool:
        """Return True, once, if the work was parked because its consumer was slow."""
        return False


class FairQueue:
    """A priority queue, round-robin between calls within a priority. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self._lines: dict[Priority, OrderedDict[str, deque[Work]]] = {p: OrderedDict() for p in Priority}
        self._arrivals = 0
        self.admitted = 0
        """Number of queued items that have not run yet."""

    def put(self, work: Work, *, again: bool = False) -> None:
        """Queue work; with `again` (it has run before) at the head of its call, and not counted."""
        line = self._lines[work.priority].setdefault(work.call, deque())
        if again:
            work.arrival = 0
            line.appendleft(work)
            return
        self._arrivals += 1
        work.arrival = self._arrivals
        line.append(work)
        self.admitted += 1

    def take(self, least: Priority = Priority.REQUEST) -> Work | None:
        """Take the next item whose priority is at least `least`; return None if there is none."""
        for priority, calls in self._lines.items():
            if priority > least:
                return None
            if calls:
                call, line = calls.popitem(last=False)
                work = line.popleft()
                if line:
                    calls[call] = line  # at the end: round-robin
                self.admitted -= work.arrival > 0
                return work
        return None

    def waits(self, priority: Priority) -> bool:
        """Return whether an item of this or a higher priority is queued."""
        return any(calls for p, calls in self._lines.items() if p <= priority)

    def oldest(self, priority: Priority) -> float | None:
        """Return when the oldest queued item of a priority was queued, or None."""
        return min((work.queued_at for line in self._lines[priority].values() for work in line), default=None)

    def remove(self, work: Work) -> None:
        """Remove work that has not run yet; do nothing for any other."""
        line = self._lines[work.priority].get(work.call)
        if line is None or work.arrival == 0 or work not in line:
            return
        line.remove(work)
        self.admitted -= 1
        if not line:
            del self._lines[work.priority][work.call]

    def pop_newest(self, priority: Priority) -> Work | None:
        """Remove and return the newest item of a priority that has not run yet, or None."""
        fresh = [work for line in self._lines[priority].values() for work in line if work.arrival]
        if not fresh:
            return None
        newest = max(fresh, key=lambda work: work.arrival)
        self.remove(newest)
        return newest

    def drain(self) -> list[Work]:
        """Remove and return all items."""
        return list(iter(self.take, None))
