"""Who works beside whom after a crash: many at once as a rule, and alone whoever may have been its cause."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from voice.errors import Cancelled

POLL_S = 0.05


class IsolationLock:
    """Admits many together, or one suspect alone, so that a second crash is its own and takes nobody down with it.

    While suspects wait nobody else is admitted; each of them has its turn soon.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._together = 0
        self._suspects = 0
        self._alone = False

    @contextmanager
    def shared(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Beside others. Blocking.

        Raises:
            Cancelled: `cancelled()` became true before it was admitted.
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
        """With nobody beside. Blocking.

        Raises:
            Cancelled: `cancelled()` became true before it was admitted.
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
