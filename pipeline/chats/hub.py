"""The hub: a bounded publish-subscribe broker of the events of chats, tests and users.

Operations, written replies and calls publish to it; websockets, socket.io and event streams subscribe. Nothing is kept
for later subscribers. Where a service has several processes, a bus brings each one's events to the others' subscribers.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from pipeline.bus.bus import Bus
from pipeline.bus.packets import BusMessage
from pipeline.chats.hub_event import HubEvent, decoded, encoded

WAITING_LIMIT = 2_000
"""Most events that wait for one subscriber; one further behind is unsubscribed, and may subscribe again."""

_EVENT = "event"
"""The kind of the bus's messages that are events of the hub."""


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


class Subscription:
    """One subscriber's events: iterate over it. Ends when it is closed, or when it is too far behind.

    Attributes:
        overflowed: it ended because it was read too slowly, or because it is whole and events were missed.
        whole: it ends rather than that it goes on after a gap.
    """

    def __init__(self, hub: "Hub", *, whole: bool = False) -> None:
        self._hub = hub
        self.whole = whole
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
            self._hub._add(channel, self)

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
            self._overflow()

    def _overflow(self) -> None:
        self.overflowed = True
        self.close()


class Hub:
    """The broker.

    Args:
        now: the clock of the events' times.
        new_id: makes event ids.
        bus: brings the events of the other processes, and ours to them; None where there is one process.
    """

    def __init__(self, now: Callable[[], datetime], new_id: Callable[[], str], bus: Bus | None = None) -> None:
        self._now = now
        self._new_id = new_id
        self._bus = bus
        self._listeners: defaultdict[str, set[Subscription]] = defaultdict(set)
        if bus is not None:
            bus.on(_EVENT, self._hear)
            bus.when_gap(self._gap)

    def subscribe(self, channels: Iterable[str] = (), *, whole: bool = False) -> Subscription:
        """Subscribe to these channels; close the subscription, or use `with`.

        Args:
            whole: end it, as one that is too far behind, when events of other processes may have been missed.
        """
        subscription = Subscription(self, whole=whole)
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
        elsewhere = self._is_wanted_elsewhere(channel, user_id, sounds=isinstance(payload.get("audio"), bytes))
        if not listeners and not elsewhere:
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
        if elsewhere and self._bus is not None:
            self._bus.publish((channel, user_feed(user_id)), _EVENT, *encoded(event))

    def has_subscribers(self, channel: str, *, user_id: str, sounds: bool = False) -> bool:
        """Return whether `publish` would reach anybody, with audio or without; if not, no payload need be made."""
        return bool(self._listeners_of(channel, user_id)) or self._is_wanted_elsewhere(channel, user_id, sounds=sounds)

    async def settled(self) -> None:
        """Return when what is published elsewhere reaches the subscriptions made so far, or after a second."""
        if self._bus is not None:
            await self._bus.settled()

    def __len__(self) -> int:
        """Return the number of channels with subscribers."""
        return len(self._listeners)

    def __contains__(self, channel: object) -> bool:
        """Return whether the channel has subscribers."""
        return channel in self._listeners

    def _listeners_of(self, channel: str, user_id: str) -> set[Subscription]:
        return self._listeners.get(channel, set()) | self._listeners.get(user_feed(user_id), set())

    def _is_wanted_elsewhere(self, channel: str, user_id: str, *, sounds: bool) -> bool:
        bus = self._bus
        if bus is None or (sounds and not bus.carries_audio):
            return False
        return bus.wanted((channel, user_feed(user_id)))

    def _hear(self, message: BusMessage) -> None:
        event = decoded(message.body, message.data)
        for listener in self._listeners_of(event.channel, event.user_id):
            listener._offer(event)

    def _gap(self) -> None:
        for listener in {one for listeners in self._listeners.values() for one in listeners if one.whole}:
            listener._overflow()

    def _add(self, channel: str, subscription: Subscription) -> None:
        self._listeners[channel].add(subscription)
        if self._bus is not None:
            self._bus.want(channel)

    def _drop(self, channel: str, subscription: Subscription) -> None:
        listeners = self._listeners.get(channel)
        if listeners is not None:
            listeners.discard(subscription)
            if not listeners:
                del self._listeners[channel]
                if self._bus is not None:
                    self._bus.unwant(channel)
