"""What a call truly waits for, on its clock and not in samples: frames that stop coming, a learner who says nothing."""

from collections.abc import Callable

from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.turn.events import Event, Muted, Prompted


class Waits:
    """The waits of one call, each a slot of its own.

    Args:
        slots: the call's tasks.
        clock: the call's clock.
        frames_gap_s: no frame for this long, in the middle of an utterance, has ended it.
        prompt_after_s: silence after which the persona asks once whether the learner is still there; 0 for never.
        feed: takes what comes of it.

    Attributes:
        frame_at: when the latest frame came.
        burst_s: how much audio came at once with it: the next frame may take as long.
    """

    def __init__(
        self,
        slots: Slots,
        clock: Clock,
        *,
        frames_gap_s: float,
        prompt_after_s: float,
        feed: Callable[[Event], None],
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._frames_gap_s = frames_gap_s
        self._prompt_after_s = prompt_after_s
        self._feed = feed
        self._spoke_up = False
        self.frame_at = 0.0
        self.burst_s = 0.0

    def for_frames(self) -> None:
        """An utterance is open: should its frames stop, it ends."""
        if not self._slots.running("gap"):
            self._slots.replace("gap", self._watch_for_a_gap())

    def no_frames(self) -> None:
        """None is open."""
        self._slots.cancel("gap")

    def for_a_word(self) -> None:
        """Nobody speaks: should that last, the persona asks; again only after `said`."""
        if self._prompt_after_s > 0 and not self._spoke_up:
            self._slots.replace("silence", self._speak_up())

    def no_word(self) -> None:
        """Somebody speaks, or is about to."""
        self._slots.cancel("silence")

    def said(self) -> None:
        """The learner has said something."""
        self._spoke_up = False

    async def _watch_for_a_gap(self) -> None:
        while (left := self.frame_at + self.burst_s + self._frames_gap_s - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._feed(Muted("silence"))

    async def _speak_up(self) -> None:
        await self._clock.sleep(self._prompt_after_s)
        self._spoke_up = True
        self._feed(Prompted())
