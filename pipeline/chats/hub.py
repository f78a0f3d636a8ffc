"""The hub: a bounded publish-subscribe broker of the events of chats, tests and users.

Operations, written replies and calls publish to it; websockets, socket.io and event streams subscribe. Nothing is kept
for later subscribers.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

WAITING_LIMIT = 2_000
"""Most events that wait for one subscriber; one further behind is unsubscribed, and may subscribe again."""


def chat_channel(chat_id: str) -> str:
    """Name the channel of a chat."""
    return f"attempt_{chat_id}"


def test_channel(invocation_id: str) -> str:
    """Name the channel of a test."""
    return f"test_{invocation_id}"


def profile_channel(user_id: str) -> str:
    """Name the channel of a user's connections: the outcome of the operations that they called."""
    return f"profile_{user_id}"


def user_feed(user_id: str) -> str:
    """Name the channel of everything that concerns a user, on whichever channel it is published."""
    return f"user_{user_id}"


@dataclass(frozen=True, slots=True)
class HubEvent:
    """An event.

    Attributes:
        name: its name on the wire, such as "attempt_assistant_delta" or "attempt.chat_message.completed".
        channel: where it was published.
        payload: JSON values, and `bytes` for audio.
        artifact, operation: the ones that it belongs to.
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
    """One subscriber's events: iterate over it. Ends when it is closed, or when it is too far behind.

    Attributes:
        overflowed: it ended because it was read too slowly.
    """

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._joined: set[str] = set()
        self._waiting: asyncio.Queue[HubEvent | None] = asyncio.Queue(WAITING_LIMIT)
        self.overflowed = False
        self.closed = False

    @property
    def joined(self) -> frozenset[str]:
        """Its channels."""
        return frozenset(self._joined)

    def join(self, channel: str) -> None:
        """Add a channel; joining twice is harmless."""
        if not self.closed:
            self._joined.add(channel)
            self._hub._listeners[channel].add(self)

    def leave(self, channel: str) -> None:
        """Remove a channel."""
        self._joined.discard(channel)
        self._hub._drop(channel, self)

    def close(self) -> None:
        """Leave every channel and end the iteration. Idempotent."""
        for channel in list(self._joined):
            self.leave(channel)
        if not self.closed:
            self.closed = True
            if self._waiting.full():
                self._waiting.get_nowait()
            self._waiting.put_nowait(None)

    async def next(self) -> HubEvent | None:
        """Return the next event; None at the end."""
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
    """The broker.

    Args:
        now: the clock of the events' times.
        new_id: makes event ids.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._now = now
        self._new_id = new_id
        self._listeners: defaultdict[str, set[Subscription]] = defaultdict(set)

    def subscribe(self, channels: Iterable[str] = ()) -> Subscription:
        """Subscribe to these channels; close the subscription, or use `with`."""
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
        """Publish to the channel's subscribers and to those of the user's feed; never blocks."""
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
        """Return whether `publish` would reach anybody; if not, a costly payload need not be made."""
        return bool(self._listeners_of(channel, user_id))

    def __len__(self) -> int:
        """Return the number of channels with subscribers."""
        return len(self._listeners)

    def __contains__(self, channel: object) -> bool:
        """Return whether the channel has subscribers."""
        return channel in self._listeners

    def _listeners_of(self, channel: str, user_id: str) -> set[Subscription]:
        return self._listeners.get(channel, set()) | self._listeners.get(user_feed(user_id), set())

    def _drop(self, channel: str, subscription: Subscription) -> None:
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.discard(subscription)
            if not listeners:
                del self._listeners[channel]
