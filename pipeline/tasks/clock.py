"""The injected clock, the only one below api/: the event loop's, so that a virtual loop makes every timer virtual."""

import asyncio
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock with a sleep."""

    def now(self) -> float:
        """Return the monotonic time in seconds, from an arbitrary origin."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Sleep; zero or less yields to the event loop once."""
        ...


class LoopClock:
    """The clock of the running event loop."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
