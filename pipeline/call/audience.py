"""Who hears of a call: the subscribers of its events, and the watchers of its turn machine."""

from collections.abc import Callable

from pipeline.conversation.events import SessionEvent
from pipeline.turn import actions, events

Listener = Callable[[SessionEvent], None]
"""Gets every event, in order, on the event loop; must not block."""

Watcher = Callable[[events.Event, list[actions.Action]], None]
"""Gets every step of the turn machine as it is taken: the event and the actions; must not block."""


class Audience:
    """The subscribers and the watchers of one call."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._watchers: list[Watcher] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Subscribe `listener` to all events. Return a function that unsubscribes it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def observe(self, watcher: Watcher) -> Callable[[], None]:
        """Subscribe `watcher` to all steps of the turn machine. Return a function that unsubscribes it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher) if watcher in self._watchers else None

    def _publish(self, event: SessionEvent) -> None:
        for listener in list(self._listeners):
            listener(event)

    def _stepped(self, event: events.Event, to_do: list[actions.Action]) -> None:
        for watcher in list(self._watchers):
            watcher(event, to_do)
