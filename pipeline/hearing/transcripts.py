"""The learner's words on their way to the turn machine: partials while they speak, the transcript when they pause."""

import asyncio
import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.conversation.events import Problem, SessionEvent, UserPartial
from pipeline.conversation.waterfall import Waterfall
from pipeline.hearing.partials import StablePrefix
from pipeline.hearing.utterance import Utterance
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.turn.events import Event, Partial, Transcribed
from pipeline.turn.machine import samples
from voice.audio.formats import Samples
from voice.errors import VoiceError
from voice.speech.end_of_turn_model import EndOfTurnDetector

log = logging.getLogger(__name__)

ENDING_S = 0.25
"""An end-of-turn model that takes longer is not waited for."""


class Transcripts:
    """One utterance after another, recognised.

    Args:
        utterance: takes the learner's audio, and turns it into words.
        ending: hears whether a turn is over, where there is such a model.
        call: whose work it is, for fairness between calls.
        slots: the session's tasks.
        clock, waterfall: when things happened.
        partial_every_ms: at most one partial transcript in this time; 0 for none.
        transcript_s: a transcript not there by then counts as failed.
        spoken: what the persona has said lately, for the machine to know its echo.
        emit, feed: the listeners, and the turn machine.
    """

    def __init__(
        self,
        utterance: Utterance,
        ending: EndOfTurnDetector | None,
        call: str,
        *,
        slots: Slots,
        clock: Clock,
        waterfall: Waterfall,
        partial_every_ms: int,
        transcript_s: float,
        spoken: Callable[[], str],
        emit: Callable[[SessionEvent], None],
        feed: Callable[[Event], None],
    ) -> None:
        self._utterance = utterance
        self._ending_model = ending
        self._call = call
        self._slots = slots
        self._clock = clock
        self._waterfall = waterfall
        self._partial_every = samples(partial_every_ms)
        self._transcript_s = transcript_s
        self._spoken = spoken
        self._emit = emit
        self._feed = feed
        self._stable = StablePrefix()
        self._next_partial = 0

    def open(self, at: Samples, now: Samples) -> None:
        """Begin an utterance, or go on with the one that is open; its speech began at `at`."""
        if not self._utterance.is_open:
            self._stable = StablePrefix()  # an utterance that goes on takes nothing back either
        self._utterance.open(now - at)
        self._next_partial = now + self._partial_every

    def hear(self, frame: NDArray[np.int16], *, utterance_open: bool) -> None:
        """Take 20 ms of the learner's audio: shape (320,), 16 kHz."""
        if not utterance_open:
            self._utterance.remember(frame)
            return
        self._utterance.push(frame)
        if self._utterance.too_long:
            self._slots.replace("settle", self._settle())

    def resumed(self) -> None:
        """The learner goes on after a pause."""
        self._utterance.resumed()

    def partial(self, turn: int, now: Samples) -> None:
        """Tell the words so far, if that is due."""
        if self._partial_every and now >= self._next_partial and not self._slots.running("partial"):
            self._next_partial = now + self._partial_every
            self._slots.replace("partial", self._publish_partial(turn))

    def ask(self, revision: int, *, turn_is_over: bool) -> None:
        """Ask for the transcript; the machine is told of it as this revision's, and whether it sounds like an end."""
        self._waterfall.transcript_asked(self._clock.now())
        self._slots.replace("transcript", self._transcribe(revision, None if turn_is_over else self._ending_model))

    def suspend(self) -> None:
        """The transcript that was asked for is not wanted any more."""
        self._slots.cancel("transcript")

    def ended(self) -> None:
        """The utterance is over: no more partials."""
        self._slots.cancel("partial")

    def close(self) -> None:
        """Forget the utterance and give its recogniser back. Idempotent."""
        self._utterance.close()

    async def _transcribe(self, revision: int, ending_model: EndOfTurnDetector | None) -> None:
        try:
            async with asyncio.timeout(self._transcript_s):
                text, ending = await asyncio.gather(self._utterance.transcript(), self._ending(ending_model))
        except (VoiceError, TimeoutError) as error:
            code = error.code if isinstance(error, VoiceError) else "stt_failed"
            self._report(code, str(error) or "The recogniser did not answer in time; say it again or type it.")
            known = self._known()
            self._feed(Transcribed(revision, known, self._spoken(), failed=not known))
            return
        self._waterfall.transcript_came(self._clock.now())
        self._feed(Transcribed(revision, text, self._spoken(), ending))

    def _known(self) -> str:
        """The words of a long utterance whose end was not understood; a short one is soon said again."""
        return max(self._utterance.settled, self._stable.published, key=len) if self._utterance.is_long else ""

    async def _ending(self, model: EndOfTurnDetector | None) -> float | None:
        """What the end-of-turn model hears; None where there is none or it is late, and the words decide alone."""
        if model is None:
            return None
        try:
            async with asyncio.timeout(ENDING_S):
                return await model.ending(self._utterance.latest, self._call)
        except (VoiceError, TimeoutError) as error:
            log.warning("The end-of-turn model gave no answer (%s); the words decide alone.", str(error) or "too slow")
            return None

    async def _publish_partial(self, turn: int) -> None:
        try:
            text = await self._utterance.partial()
        except VoiceError:
            return  # the transcript at the end of the turn reports it
        if (stable := self._stable.update(text)) is not None:
            self._emit(UserPartial(turn, stable))
        self._feed(Partial(text, spoken=self._spoken()))

    async def _settle(self) -> None:
        try:
            await self._utterance.settle()
        except VoiceError as error:
            self._report(error.code, str(error))

    def _report(self, code: str, message: str) -> None:
        log.warning("A transcript failed: %s", message)
        self._emit(Problem(code, message))
