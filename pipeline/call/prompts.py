"""What the persona says unasked because the line, a key or the operator asks for it."""

from collections.abc import Callable
from functools import partial

from pipeline.call.opening import OpeningPrompts
from pipeline.call.settings import SessionSettings
from pipeline.call.timers import Timers
from pipeline.speaking.replies import Replies
from pipeline.turn import events

PUT_THROUGH = "One moment, I will put you through."
RECORDING_STOPPED = "The recording is stopped."
NOTHING_TO_REPEAT = "I have not said anything yet."


class Prompts:
    """The prompts of one call that are no part of its plan.

    Args:
        settings: of the call.
        timers: whose silence plan begins again, as somebody is there.
        replies: know what was said last.
        opening: knows whether the call is recorded.
        feed: feeds an event to the turn machine.
    """

    def __init__(
        self,
        settings: SessionSettings,
        timers: Timers,
        replies: Replies,
        opening: OpeningPrompts,
        feed: Callable[[events.Event], None],
    ) -> None:
        self._settings = settings
        self._timers = timers
        self._replies = replies
        self._opening = opening
        self._feed = feed

    def transfer_failed(self) -> None:
        """Say that the transfer failed; the call goes on."""
        self._timers.restart_plan()
        self._feed(events.Prompted(self._settings.transfer_failed, insists=True))

    def put_through(self, target: str) -> None:
        """Transfer the call to a target of the settings, after a word of warning."""
        self._timers.restart_plan()
        self._feed(events.Prompted(PUT_THROUGH, insists=True, leave=events.Leave("transfer", target)))

    @property
    def human(self) -> Callable[[], None] | None:
        """What asks for a human: a transfer to the first target; None where there is none."""
        targets = self._settings.transfers
        return partial(self.put_through, targets[0]) if targets else None

    def repeat(self) -> None:
        """Say the latest reply again, all of it."""
        self._timers.restart_plan()
        self._feed(events.Prompted(self._replies.latest_text or NOTHING_TO_REPEAT, insists=True))

    def stop_recording(self) -> bool:
        """Record no more of the call, and say so instead of an answer; return False if it is not recorded."""
        if not self._opening.stop_recording():
            return False
        self._timers.restart_plan()
        self._feed(events.Stopped())
        self._feed(events.Prompted(RECORDING_STOPPED, insists=True))
        return True

    def last_words(self, text: str) -> None:
        """Stop the persona, say this to its end whatever else is said, and end the call."""
        self._feed(events.Stopped())
        leave = events.Leave("persona", final=True)
        self._feed(events.Prompted(text, events.WHOLE, insists=True, leave=leave))
