"""Crash isolation: requests run concurrently, but after a crash each retry runs alone, to find its cause."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from voice.errors import Cancelled

POLL_S = 0.05


class IsolationLock:
    """A shared-exclusive lock: many shared holders, or one exclusive holder.

    Exclusive waiters take precedence, so that the retries after a crash run soon.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._together = 0
        self._suspects = 0
        self._alone = False

    @contextmanager
    def shared(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Hold the lock together with other shared holders. Blocking.

        Raises:
            Cancelled: `cancelled()` turned True while waiting.
        """
        with self._changed:
            self._until(lambda: not self._alone and not self._suspects, cancelled)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Hold the lock alone. Blocking.

        Raises:
            Cancelled: `cancelled()` turned True while waiting.
        """
        with self._changed:
            self._suspects += 1
            try:
                self._until(lambda: not self._alone and not self._together, cancelled)
                self._alone = True
            finally:
                self._suspects -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    def _until(self, free: Callable[[], bool], cancelled: Callable[[], bool]) -> None:
        while not free():
            if cancelled():
                raise Cancelled("The result is no longer wanted.")
            self._changed.wait(POLL_S)
