"""How a call begins: first the announcement that it is recorded, then the greeting."""

from collections.abc import Callable

from pipeline.call.settings import SessionSettings
from pipeline.turn import events
from pipeline.turn.machine import samples


class OpeningPrompts:
    """The first prompts of one call.

    Args:
        settings: the announcement and the greeting.
        feed: feeds an event to the turn machine.

    Attributes:
        recorded: the call may be recorded.
        stopped: the caller does not want to be recorded; nor will the call be after a restart.
    """

    def __init__(self, settings: SessionSettings, feed: Callable[[events.Event], None]) -> None:
        recording = settings.recording
        self._announcement = recording.announcement if recording is not None else ""
        self._greeting = events.Prompted(settings.greeting, samples(settings.greeting_protected_ms))
        self._feed = feed
        self._announced = not self._announcement
        self._revision: int | None = None
        self._greets = False
        self._waiting: list[Callable[[], None]] = []
        self._ends: list[Callable[[], None]] = []
        self.stopped = False
        self.recorded = recording is not None and self._announced

    def announce(self) -> None:
        """Say the announcement, if there is one: a line attends the call. Idempotent."""
        if not self._announced:
            self._announced = True
            self._feed(events.Prompted(self._announcement, events.WHOLE, insists=True, aside=True))

    def greet(self) -> None:
        """Have the persona speak first, after the announcement if there is one."""
        self.announce()
        if self._announcement and not self.recorded:
            self._greets = True
        else:
            self._feed(self._greeting)

    def said(self, revision: int, line: events.Prompted) -> None:
        """Note that a prompt is being said as this revision."""
        if line.aside:
            self._revision = revision

    def finished(self, revision: int, *, heard: bool) -> None:
        """Note that a reply is over; once the announcement was heard the call may be recorded."""
        if revision != self._revision:
            return
        self._revision = None
        if heard and not self.stopped:
            self.recorded = True
            for begin in self._waiting:
                begin()
            self._waiting.clear()
        if self._greets:
            self._greets = False
            self._feed(self._greeting)

    def when_recorded(self, begin: Callable[[], None], end: Callable[[], None] = lambda: None) -> None:
        """Call `begin` as soon as the call may be recorded: at once, after the announcement, or never.

        `end` is called if the recording is stopped before the call is over, perhaps without a beginning.
        """
        self._ends.append(end)
        if self.recorded:
            begin()
        else:
            self._waiting.append(begin)

    def stop_recording(self) -> bool:
        """Record no more of this call; return whether it was, or would have been."""
        if self.stopped or not (self.recorded or self._announcement):
            return False
        self.stopped, self.recorded = True, False
        self._waiting.clear()
        for end in self._ends:
            end()
        return True
