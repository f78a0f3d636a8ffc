"""By what grant the running code acts: what it leaves running is stopped with that grant."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

from models.records.core import Grant

Holding = Callable[[Grant, Callable[[], object]], AbstractContextManager[None]]
"""Has a callback called, once, if a grant is revoked, expires or loses its user within the block."""

_GRANT: ContextVar[Grant | None] = ContextVar("grant", default=None)


@contextmanager
def acting_by(grant: Grant) -> Iterator[None]:
    """Have what is begun in the block, and left running after it, act by this grant."""
    token = _GRANT.set(grant)
    try:
        yield
    finally:
        _GRANT.reset(token)


def hold(holding: Holding | None, task: "asyncio.Task[Any]", stop: Callable[[], object]) -> None:
    """Have `stop` called if the grant by which this code acts is revoked before the task is done."""
    grant = _GRANT.get()
    if holding is None or grant is None:
        return
    held = ExitStack()
    held.enter_context(holding(grant, stop))
    task.add_done_callback(lambda _: held.close())
