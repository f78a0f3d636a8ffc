"""How many processes of the service run, for what each may give its share of."""

from contextlib import suppress

from models.errors import StorageFailed
from models.store import Store
from pipeline.tasks.clock import Clock

COUNT_EVERY_S = 5.0


class Fellows:
    """Counts the processes on this database, this one included; looks at most every `COUNT_EVERY_S`.

    Args:
        store: where the processes are entered.
        clock: paces the looks.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counted_at = float("-inf")
        self._running = 1

    async def running(self) -> int:
        """Return their number, as it was at the latest look."""
        if self._clock.now() - self._counted_at > COUNT_EVERY_S:
            self._counted_at = self._clock.now()
            with suppress(StorageFailed):  # as many as before
                self._running = max(1, await self._store.count_processes())
        return self._running
