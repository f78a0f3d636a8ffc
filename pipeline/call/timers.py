"""The timers of a call, on its clock and not in samples: missing frames, silence, the longest duration."""

from collections.abc import Awaitable, Callable

from pipeline.call.settings import Prompt, SilencePlan, TimeLimit
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.turn import events

LINGER_S = 0.3
"""Time between the last heard word and the end of the call."""

GRACE_S = 20.0
"""The last goodbye waits this long for the floor and then takes it; it gets as long again to be heard."""

LEAST_SILENCE_S = 1.0
"""Least silence after a noise without words before the next prompt."""


class Timers:
    """The timers of one call, each in its own slot.

    Args:
        slots: the call's tasks.
        clock: the call's clock.
        frames_gap_s: an open utterance ends when no frame arrives for this long.
        silence: what is said while the learner is silent.
        time_limit: the longest duration.
        feed: feeds an event to the turn machine.

    Attributes:
        frame_at: when the latest frame arrived.
        burst_s: how much audio arrived at once with it: the next frame may take as long.
    """

    def __init__(
        self,
        slots: Slots,
        clock: Clock,
        *,
        frames_gap_s: float,
        silence: SilencePlan,
        time_limit: TimeLimit | None,
        feed: Callable[[events.Event], None],
    ) -> None:
        self._slots = slots
        self._clock = clock
        self._frames_gap_s = frames_gap_s
        self._plan = _steps(silence)
        self._step = 0
        self._quiet_since: float | None = None
        self._time_limit = time_limit
        self._feed = feed
        self.frame_at = 0.0
        self.burst_s = 0.0

    def begin(self) -> None:
        """Start the timers of silence and of the longest duration: the call begins."""
        self.start_silence()
        if self._time_limit is not None:
            self._slots.replace("time", self._watch_time(self._time_limit))

    def start_gap_watch(self) -> None:
        """Start the timer that ends the open utterance when frames stop arriving."""
        if not self._slots.running("gap"):
            self._slots.replace("gap", self._watch_for_a_gap())

    def cancel_gap_watch(self) -> None:
        """Stop the timer that ends the utterance when frames stop arriving."""
        self._slots.cancel("gap")

    def start_silence(self) -> None:
        """Start the timer of the silence plan's next prompt: nobody speaks."""
        now = self._clock.now()
        self._quiet_since = now if self._quiet_since is None else self._quiet_since
        if self._step >= len(self._plan) or self._slots.running("silence"):
            return
        prompt, is_goodbye = self._plan[self._step]
        left = self._quiet_since + prompt.after_s - now
        least = min(prompt.after_s, LEAST_SILENCE_S)
        self._slots.replace("silence", self._speak_up(max(left, least), prompt, is_goodbye=is_goodbye))

    def pause_silence(self) -> None:
        """Suspend the timer of silence on a sound that may be a word; if it is none, the silence continues."""
        self._slots.cancel("silence")

    def stop_silence(self) -> None:
        """Stop the timer of silence: somebody speaks, or is about to."""
        self._slots.cancel("silence")
        self._quiet_since = None

    def restart_plan(self) -> None:
        """Restart the silence plan: the learner has said something."""
        self._step = 0

    def take_plan(self, silence: SilencePlan) -> None:
        """Follow another silence plan, from its beginning."""
        self._plan, self._step = _steps(silence), 0
        self._slots.cancel("silence")
        if self._quiet_since is not None:
            self.start_silence()

    def suspend_plan(self) -> None:
        """Suspend the silence plan until `restart_plan`: the call is being transferred."""
        self._step = len(self._plan)
        self.stop_silence()

    def linger(self, heard_out: Callable[[], Awaitable[None]]) -> None:
        """Feed `Lingered` a moment after the last word was heard."""
        self._slots.replace("linger", self._linger(heard_out))

    async def _watch_for_a_gap(self) -> None:
        while (left := self.frame_at + self.burst_s + self._frames_gap_s - self._clock.now()) > 0:
            await self._clock.sleep(left)
        self._feed(events.Muted("silence"))

    async def _speak_up(self, left_s: float, prompt: Prompt, *, is_goodbye: bool) -> None:
        await self._clock.sleep(left_s)
        self._step += 1
        self._feed(events.Prompted(prompt.text, leave=events.Leave("silence") if is_goodbye else None))

    async def _linger(self, heard_out: Callable[[], Awaitable[None]]) -> None:
        await heard_out()
        await self._clock.sleep(LINGER_S)
        self._feed(events.Lingered())

    async def _watch_time(self, limit: TimeLimit) -> None:
        warned_s = limit.longest_s - limit.warning_s if limit.warning_s > 0 else 0.0
        if warned_s > 0:
            await self._clock.sleep(warned_s)
            self._feed(events.Prompted(limit.warning, insists=True))
        await self._clock.sleep(limit.longest_s - max(0.0, warned_s))
        leave = events.Leave("duration", final=True)
        self._feed(events.Prompted(limit.goodbye, events.WHOLE, insists=True, leave=leave))
        await self._clock.sleep(GRACE_S)
        self._feed(events.Muted("silence"))  # take the floor from the learner
        self._feed(events.Stopped())
        await self._clock.sleep(GRACE_S)
        self._feed(events.Hangup("duration"))


def _steps(silence: SilencePlan) -> list[tuple[Prompt, bool]]:
    """Return the prompts in their order, and whether each is the goodbye."""
    goodbye = [] if silence.goodbye is None else [(silence.goodbye, True)]
    return [*((prompt, False) for prompt in silence.prompts), *goodbye]
