"""The event queue of a simulation in virtual time, and processors that running jobs share."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any


class EventQueue:
    """What happens in virtual time, in order.

    Attributes:
        now: the virtual time in seconds.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.happened = 0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._numbers = count()

    def after(self, delay_s: float, act: Callable[..., None], *arguments: Any) -> None:
        """Call `act(*arguments)` so many virtual seconds from now."""
        heappush(self._queue, (self.now + max(0.0, delay_s), next(self._numbers), act, arguments))

    def run(self, until_s: float) -> None:
        """Let everything up to a virtual time happen."""
        queue = self._queue
        while queue and queue[0][0] <= until_s:
            self.now, _, act, arguments = heappop(queue)
            self.happened += 1
            act(*arguments)
        self.now = until_s


class Processors:
    """The cores of a machine, shared evenly by what runs on them, as an operating system does.

    Args:
        events: the virtual time.
        cores: number of cores.
        background: cores that something else wants all the time, such as gateways.
    """

    def __init__(self, events: EventQueue, cores: float, background: float = 0.0) -> None:
        self._events = events
        self._cores = cores
        self._wanted = self._background = background
        self._progress = 0.0  # seconds of work of each running job since the beginning
        self._since = 0.0
        self._busy_s = 0.0
        self._running: list[tuple[float, int, float, Callable[[], None]]] = []
        self._numbers = count()
        self._version = 0

    def run(self, seconds: float, threads: float, done: Callable[[], None]) -> None:
        """Run a job that takes so many seconds on idle cores, on so many threads; call `done` at its end."""
        self._advance()
        heappush(self._running, (self._progress + seconds, next(self._numbers), threads, done))
        self._wanted += threads
        self._schedule()

    def used(self) -> float:
        """Return the share of the cores that was used so far, the background included."""
        self._advance()
        return self._busy_s / (self._cores * self._since) if self._since else 0.0

    def busy_core_s(self) -> float:
        """Return the core seconds that the jobs took so far, without the background."""
        self._advance()
        return self._busy_s - self._background * self._since

    @property
    def _speed(self) -> float:
        return min(1.0, self._cores / self._wanted) if self._wanted else 1.0

    def _advance(self) -> None:
        elapsed = self._events.now - self._since
        self._progress += elapsed * self._speed
        self._busy_s += elapsed * min(self._wanted, self._cores)
        self._since = self._events.now

    def _schedule(self) -> None:
        self._version += 1
        if self._running:
            left = (self._running[0][0] - self._progress) / self._speed
            self._events.after(left, self._next, self._version)

    def _next(self, version: int) -> None:
        if version != self._version:
            return  # something began or ended since
        self._advance()
        ended: list[Callable[[], None]] = []
        while self._running and self._running[0][0] <= self._progress + 1e-9:
            _, _, threads, done = heappop(self._running)
            self._wanted -= threads
            ended.append(done)
        self._schedule()
        for done in ended:
            done()
