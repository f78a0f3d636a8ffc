"""What waits for an engine, and what goes first."""

from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum
from threading import Event


class Priority(IntEnum):
    """What goes first when work is waiting."""

    FINAL = 0
    REPLY = 1
    PARTIAL = 2


class Work:
    """Something that a thread can take a step of."""

    def __init__(self, call: str, priority: Priority) -> None:
        self.call = call
        self.priority = priority
        self.cancelled = Event()
        self.arrival = 0

    def step(self, wanted: Callable[[], bool]) -> bool:
        """Do some, in a worker thread; true when it was put off, with more to do, because `wanted` said so."""
        raise NotImplementedError

    def refuse(self, error: Exception) -> None:
        """It will not be run (any further)."""
        raise NotImplementedError

    def unpark(self) -> bool:
        """True, once, when the work had stopped to wait for its consumer."""
        return False


class FairQueue:
    """What waits, by priority; within a priority the calls take turns. Not thread-safe: its owner locks."""

    def __init__(self) -> None:
        self._lines: dict[Priority, OrderedDict[str, deque[Work]]] = {p: OrderedDict() for p in Priority}
        self._arrivals = 0
        self.admitted = 0
        """How many wait for their first turn."""

    def put(self, work: Work, *, again: bool = False) -> None:
        """Queue work; `again` when it has run before: ahead of its call's other work, and not counted."""
        line = self._lines[work.priority].setdefault(work.call, deque())
        if again:
            work.arrival = 0
            line.appendleft(work)
            return
        self._arrivals += 1
        work.arrival = self._arrivals
        line.append(work)
        self.admitted += 1

    def take(self, least: Priority = Priority.PARTIAL) -> Work | None:
        """The next in turn that is at least as urgent as `least`, or None."""
        for priority, calls in self._lines.items():
            if priority > least:
                return None
            if calls:
                call, line = calls.popitem(last=False)
                work = line.popleft()
                if line:
                    calls[call] = line  # at the end: the other calls come first
                self.admitted -= work.arrival > 0
                return work
        return None

    def waits(self, priority: Priority) -> bool:
        """Whether anything waits that is as urgent as `priority` or more."""
        return any(calls for p, calls in self._lines.items() if p <= priority)

    def remove(self, work: Work) -> None:
        """Take work that has not run yet out of the queue; anything else is left alone."""
        line = self._lines[work.priority].get(work.call)
        if line is None or work.arrival == 0 or work not in line:
            return
        line.remove(work)
        self.admitted -= 1
        if not line:
            del self._lines[work.priority][work.call]

    def pop_newest(self, priority: Priority) -> Work | None:
        """Take out the newest arrival of a priority that has not run yet, or None."""
        fresh = [work for line in self._lines[priority].values() for work in line if work.arrival]
        if not fresh:
            return None
        newest = max(fresh, key=lambda work: work.arrival)
        self.remove(newest)
        return newest

    def drain(self) -> list[Work]:
        """Take everything out."""
        return list(iter(self.take, None))
