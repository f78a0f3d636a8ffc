"""Several equal servers of one engine: the least busy healthy one works, one that failed rests until it is well."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from threading import Condition, Thread
from time import monotonic
from typing import Generic, TypeVar

from voice.errors import VoiceError

Engine = TypeVar("Engine")
T = TypeVar("T")

FIRST_REST_S, LONGEST_REST_S = 1.0, 30.0
"""How long a server rests after a failure, and at most, doubling with each failed check."""


class Circuit(Enum):
    """The state of a server: in use, at rest after a failure, or tried with a single request."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(slots=True, eq=False)
class EngineServer(Generic[Engine]):
    """One of several equal servers.

    Attributes:
        engine: what speaks to it.
        circuit: its state.
        pending: requests that it has not answered.
        rest_s: how long it rests from its next failure on.
        rests_until: the end of its rest, by the clock.
    """

    engine: Engine
    circuit: Circuit = Circuit.CLOSED
    pending: int = 0
    rest_s: float = FIRST_REST_S
    rests_until: float = 0.0


class Failover(Generic[Engine]):
    """Chooses a server for each request, and another one when it fails.

    A failure opens the server's circuit: it gets no request until its rest is over and a check finds it well. The next
    request then tries it (half-open): success closes the circuit, a failure opens it for twice as long. If all of them
    rest, the one whose rest ends first is tried nonetheless.

    Args:
        engines: one for each server, the preferred one first.
        is_well: checks a server; blocking, called in a thread of its own, which ends when no server rests.
        clock: the time in seconds.
    """

    def __init__(
        self, engines: Sequence[Engine], is_well: Callable[[Engine], bool], clock: Callable[[], float] = monotonic
    ) -> None:
        self.servers = [EngineServer(engine) for engine in engines]
        self._is_well = is_well
        self._clock = clock
        self._changed = Condition()
        self._checking: Thread | None = None
        self._closed = False

    @contextmanager
    def server(self, but: EngineServer[Engine] | None = None) -> Iterator[EngineServer[Engine]]:
        """Choose a server for one request, and learn from what comes of it.

        Args:
            but: not this one, which has failed just now.
        """
        with self._changed:
            chosen = self._chosen(but)
            chosen.pending += 1
        try:
            yield chosen
        except VoiceError as error:
            if error.elsewhere:
                self._failed(chosen)
            raise
        else:
            with self._changed:
                chosen.circuit, chosen.rest_s = Circuit.CLOSED, FIRST_REST_S
        finally:
            with self._changed:
                chosen.pending -= 1

    def run(self, work: Callable[[Engine], T]) -> T:
        """Work with one server; if it fails in a way that another one need not, retry with another one.

        Raises:
            VoiceError: the second one failed as well, or the failure is not the server's.
        """
        first = None
        try:
            with self.server() as first:
                return work(first.engine)
        except VoiceError as error:
            if not error.elsewhere or len(self.servers) == 1:
                raise
        with self.server(but=first) as other:
            return work(other.engine)

    def check(self) -> float | None:
        """Check the servers whose rest is over; return the seconds until the next check, or None if none rests."""
        with self._changed:
            now = self._clock()
            due = [one for one in self.servers if one.circuit is Circuit.OPEN and one.rests_until <= now]
        for one in due:
            well = self._is_well(one.engine)
            with self._changed:
                if one.circuit is not Circuit.OPEN:
                    continue
                if well:
                    one.circuit = Circuit.HALF_OPEN
                else:
                    self._rest(one)
        with self._changed:
            resting = [one.rests_until for one in self.servers if one.circuit is Circuit.OPEN]
            return max(0.0, min(resting) - self._clock()) if resting else None

    def close(self) -> None:
        """End the checks. Idempotent."""
        with self._changed:
            self._closed = True
            checking = self._checking
            self._changed.notify_all()
        if checking is not None:
            checking.join()

    def _chosen(self, but: EngineServer[Engine] | None) -> EngineServer[Engine]:
        others = [one for one in self.servers if one is not but] or self.servers
        tried = next((one for one in others if one.circuit is Circuit.HALF_OPEN and not one.pending), None)
        if tried is not None:
            return tried
        healthy = [one for one in others if one.circuit is Circuit.CLOSED]
        if healthy:
            return min(healthy, key=lambda one: one.pending)
        return min(others, key=lambda one: one.rests_until)

    def _failed(self, server: EngineServer[Engine]) -> None:
        with self._changed:
            server.circuit = Circuit.OPEN
            self._rest(server)
            if self._checking is None and not self._closed and len(self.servers) > 1:
                self._checking = Thread(target=self._check_until_well, name="server checks", daemon=True)
                self._checking.start()

    def _rest(self, server: EngineServer[Engine]) -> None:
        server.rests_until = self._clock() + server.rest_s
        server.rest_s = min(LONGEST_REST_S, 2 * server.rest_s)

    def _check_until_well(self) -> None:
        while True:
            wait_s = self.check()
            with self._changed:
                if self._closed or (wait_s is None and not any(one.circuit is Circuit.OPEN for one in self.servers)):
                    self._checking = None
                    return
                self._changed.wait(wait_s)
