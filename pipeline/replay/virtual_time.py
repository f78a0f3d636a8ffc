"""An event loop with virtual time: timers fire immediately, in order, without waiting for a wall clock."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class NothingLeft(RuntimeError):
    """Deadlock: every task waits for something that cannot happen any more."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer as soon as nothing else can run.

    Time stands still while threads work for the loop (`external_work`, or `run_in_executor`).
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._outside = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    @contextmanager
    def external_work(self) -> Iterator[None]:
        """Stop virtual time until the block ends, while something outside the loop works."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    def run_in_executor(  # type: ignore[override]  # the base class is typed with variadic generics
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function in an executor, as in any loop; virtual time stands still until it is done."""
        self._outside += 1
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._back_inside)
        return future

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Shut down the default executor, as in any loop, in real time."""
        with self.external_work():
            await super().shutdown_default_executor(*args, **kwargs)

    def jump(self, seconds: float) -> None:
        """Advance the virtual time."""
        self._now += seconds

    @property
    def waits_for_threads(self) -> bool:
        """Whether threads are working, so that time stands still."""
        return self._outside > 0

    def _back_inside(self, _: asyncio.Future[Any]) -> None:
        self._outside -= 1


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._loop.waits_for_threads:
            return list(super().select(None))
        if timeout is None:
            raise NothingLeft("The conversation waits for something that will never come; this is a defect.")
        self._loop.jump(timeout)
        return []


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
