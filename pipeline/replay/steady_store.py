"""A deterministic store for replays: its operations take no virtual time and complete in order."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self, cast

from models.store import Store

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class SteadyStore:
    """A store, in memory unless a URL is given, on an event loop in its own thread; use it as a context manager.

    An operation blocks the caller's loop until it is done. In virtual time that makes replays deterministic, since
    nothing can race with it. Times and ids are counted rather than taken from a clock or generated randomly.
    """

    def __init__(self, url: str = "sqlite+aiosqlite://") -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="replay store", daemon=True)
        ticks = count()
        self._store = Store(url, now=lambda: _EPOCH + timedelta(milliseconds=next(ticks)), new_id=counted_ids("row"))

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait_for(self._store.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self._store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def store(self) -> Store:
        """This object, typed as a `Store`."""
        return cast(Store, self)

    def now(self) -> datetime:
        """Return the time by the clock of the wrapped store."""
        return self._store.now()

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        async def steady(*args: Any, **kwargs: Any) -> Any:
            result = self._wait_for(verb(*args, **kwargs))
            await asyncio.sleep(0)
            return result

        return steady

    def _wait_for(self, verb: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(verb, self._loop).result()


def counted_ids(kind: str) -> Callable[[], str]:
    """Return a factory of deterministic ids: row-1, row-2, ..."""
    numbers = count(1)
    return lambda: f"{kind}-{next(numbers)}"
