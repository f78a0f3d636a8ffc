"""Cooperative cancellation of engine jobs."""

from collections.abc import Callable

Cancelled = Callable[[], bool]
"""A cancellation flag, polled between the steps of a job: True once nobody wants the result."""


def never_cancelled() -> bool:
    """Return False: the flag of a job that cannot be cancelled."""
    return False
