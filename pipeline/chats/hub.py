"""Who hears what: a bounded publish and subscribe hub for chats, tests and users.

Operations, written replies and calls publish here; websockets, socket.io and event streams subscribe. Nothing is kept
for those who come later.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

WAITING_LIMIT = 2_000
"""Events that wait for one subscriber; one that is further behind is let go, and may subscribe again."""


def chat_channel(chat_id: str) -> str:
    """Everybody who has joined a chat."""
    return f"attempt_{chat_id}"


def test_channel(invocation_id: str) -> str:
    """Everybody who has joined a test."""
    return f"test_{invocation_id}"


def profile_channel(user_id: str) -> str:
    """Every connection of one user: what becomes of the operations that they called."""
    return f"profile_{user_id}"


def user_feed(user_id: str) -> str:
    """Everything that concerns one user, in whichever room it happens."""
    return f"user_{user_id}"


@dataclass(frozen=True, slots=True)
class HubEvent:
    """Something that happened.

    Attributes:
        name: as clients know it, such as "attempt_assistant_delta" or "attempt.chat_message.completed".
        channel: who is told.
        payload: JSON values, and `bytes` for audio.
        artifact, operation: what the event belongs to.
    """

    id: str
    name: str
    channel: str
    payload: Mapping[str, Any]
    created_at: datetime
    user_id: str
    artifact: str = "attempt"
    operation: str = ""
    entity_id: str | None = None
    group_id: str | None = None
    run_id: str | None = None
    call_id: str | None = None


class Subscription:
    """One listener: iterate over it. Ends when it is closed, or when it is too far behind.

    Attributes:
        overflowed: it was let go because it read too slowly.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._joined: set[str] = set()
        self._waiting: asyncio.Queue[HubEvent | None] = asyncio.Queue(WAITING_LIMIT)
        self.overflowed = False
        self.closed = False

    @property
    def joined(self) -> frozenset[str]:
        """The rooms it hears."""
        return frozenset(self._joined)

    def join(self, channel: str) -> None:
        """Hear this room, too; joining twice is harmless."""
        if not self.closed:
            self._joined.add(channel)
            self._hub._listeners[channel].add(self)

    def leave(self, channel: str) -> None:
        """Hear it no more."""
        self._joined.discard(channel)
        self._hub._drop(channel, self)

    def close(self) -> None:
        """Leave every room and end the iteration. Idempotent."""
        for channel in list(self._joined):
            self.leave(channel)
        if not self.closed:
            self.closed = True
            if self._waiting.full():
                self._waiting.get_nowait()
            self._waiting.put_nowait(None)

    async def next(self) -> HubEvent | None:
        """The next event; None at the end."""
        event = await self._waiting.get()
        if event is None:
            self._waiting.put_nowait(None)
        return event

    def __aiter__(self) -> AsyncIterator[HubEvent]:
        return self._events()

    async def _events(self) -> AsyncIterator[HubEvent]:
        while (event := await self.next()) is not None:
            yield event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _offer(self, event: HubEvent) -> None:
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.overflowed = True
            self.close()


class Hub:
    """The hub.

    Args:
        now: the clock of the events' times.
        new_id: makes event ids.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._now = now
        self._new_id = new_id
        self._listeners: defaultdict[str, set[Subscription]] = defaultdict(set)

    def subscribe(self, channels: Iterable[str] = ()) -> Subscription:
        """A new listener to these rooms; close it, or use `with`."""
        subscription = Subscription(self)
        for channel in channels:
            subscription.join(channel)
        return subscription

    def publish(
        self,
        channel: str,
        name: str,
        payload: Mapping[str, Any],
        *,
        user_id: str,
        artifact: str = "attempt",
        operation: str = "",
        entity_id: str | None = None,
        group_id: str | None = None,
        run_id: str | None = None,
        call_id: str | None = None,
    ) -> None:
        """Tell everybody in the room, and whoever follows this user; never blocks."""
        listeners = self._listeners_of(channel, user_id)
        if not listeners:
            return
        event = HubEvent(
            self._new_id(),
            name,
            channel,
            payload,
            self._now(),
            user_id,
            artifact,
            operation,
            entity_id,
            group_id,
            run_id,
            call_id,
        )
        for listener in listeners:
            listener._offer(event)

    def has_subscribers(self, channel: str, *, user_id: str) -> bool:
        """Whether `publish` to this room for this user would reach anybody: what is costly to make may be left out."""
        return bool(self._listeners_of(channel, user_id))

    def __len__(self) -> int:
        """Rooms that somebody hears."""
        return len(self._listeners)

    def __contains__(self, channel: object) -> bool:
        """Whether somebody hears this room."""
        return channel in self._listeners

    def _listeners_of(self, channel: str, user_id: str) -> set[Subscription]:
        return self._listeners.get(channel, set()) | self._listeners.get(user_feed(user_id), set())

    def _drop(self, channel: str, subscription: Subscription) -> None:
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.discard(subscription)
            if not listeners:
                del self._listeners[channel]
