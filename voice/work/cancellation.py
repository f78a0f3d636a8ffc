"""How engine work learns that nobody wants its result any more."""

from collections.abc import Callable

Cancelled = Callable[[], bool]
"""Asked between the steps of a job; true when nobody wants the result any more."""


def never_cancelled() -> bool:
    """Answer for callers that always want the result."""
    return False
