"""The only clock below api/: the event loop's. A virtual loop (pipeline.replay) makes every timer virtual with it."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """Seconds on some steady scale, and waiting on that scale."""

    def now(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less yields once."""
        ...


class LoopClock:
    """The running event loop's own time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
