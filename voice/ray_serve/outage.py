"""An engine that fails for a while: how long, and when it is well again."""

from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic

from voice.errors import VoiceError

PROBE_S = 2.0
"""Seconds between two tries of an engine that fails."""


class EngineOutage:
    """Whether an engine fails, and has failed for so long that it is not even asked.

    Args:
        after_s: seconds after which it is not asked any more.
        probe: tries the engine; blocking, in a thread of its own, which ends when the engine is well or this is closed.
        clock: the time in seconds.
    """

    def __init__(self, after_s: float, probe: Callable[[], object], clock: Callable[[], float] = monotonic) -> None:
        self._after_s = after_s
        self._probe = probe
        self._clock = clock
        self._since: float | None = None
        self._lock = Lock()
        self._closed = Event()
        self._probing: Thread | None = None

    @property
    def lasts(self) -> bool:
        """Whether the engine has failed for so long that it is not to be asked."""
        since = self._since
        return since is not None and self._clock() - since >= self._after_s

    def failed(self) -> None:
        """Note a failure; the engine is tried from now on until it is well."""
        with self._lock:
            if self._since is None:
                self._since = self._clock()
            if self._probing is None and not self._closed.is_set():
                self._probing = Thread(target=self._probe_until_well, name="engine probes", daemon=True)
                self._probing.start()

    def worked(self) -> None:
        """Note that the engine is well."""
        self._since = None

    def close(self) -> None:
        """End the tries. Idempotent."""
        self._closed.set()
        probing = self._probing
        if probing is not None:
            probing.join()

    def _probe_until_well(self) -> None:
        while not self._closed.wait(PROBE_S) and self._since is not None:
            try:
                self._probe()
            except VoiceError:
                continue
            self.worked()
        with self._lock:
            self._probing = None
