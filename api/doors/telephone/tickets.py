"""Tickets: each joins one webhook to the one stream that it announces."""

import secrets
from collections.abc import Callable
from typing import Generic, TypeVar

Announced = TypeVar("Announced")

LIFETIME_S = 60.0

WAITING_LIMIT = 10_000
"""Most tickets at once; beyond it the oldest are void."""


class Tickets(Generic[Announced]):
    """Tickets, each good once and for a minute.

    Args:
        now: the time, in seconds.
        lifetime_s: how long each is good.
    """

    def __init__(self, now: Callable[[], float], lifetime_s: float = LIFETIME_S) -> None:
        self._now = now
        self._lifetime_s = lifetime_s
        self._waiting: dict[str, tuple[float, Announced]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def issue(self, announced: Announced) -> str:
        """Make a ticket for what is announced."""
        self._forget()
        ticket = secrets.token_urlsafe(24)
        self._waiting[ticket] = self._now() + self._lifetime_s, announced
        if len(self._waiting) > WAITING_LIMIT:
            del self._waiting[next(iter(self._waiting))]
        return ticket

    def take(self, ticket: str) -> Announced | None:
        """Return what a ticket was made for, once; None if it was used, is void, or is none."""
        self._forget()
        found = self._waiting.pop(ticket, None)
        return found[1] if found is not None else None

    def _forget(self) -> None:
        now = self._now()
        while self._waiting and next(iter(self._waiting.values()))[0] <= now:
            del self._waiting[next(iter(self._waiting))]
