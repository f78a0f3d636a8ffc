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
"""Timeout of the end-of-turn model."""


class Transcripts:
    """Recognises one utterance after another.

    Args:
        utterance: transcribes the learner's audio.
        ending: the end-of-turn model, if there is one.
        call: the fairness key of the work.
        slots: the session's tasks.
        clock, waterfall: take the timestamps.
        partial_every_ms: shortest interval between partials; 0 for none.
        transcript_s: timeout of a transcript, which then counts as failed.
        spoken: the persona's latest words, in which the machine recognises an echo.
        emit, feed: publish an event; feed one to the turn machine.
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
        """Open an utterance whose speech began at `at`, or continue the open one."""
        if not self._utterance.is_open:
            self._stable = StablePrefix()  # a continued utterance keeps its published words
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
        """Note that the learner resumes after a pause."""
        self._utterance.resumed()

    def partial(self, turn: int, now: Samples) -> None:
        """Publish a partial, if one is due."""
        if self._partial_every and now >= self._next_partial and not self._slots.running("partial"):
            self._next_partial = now + self._partial_every
            self._slots.replace("partial", self._publish_partial(turn))

    def ask(self, revision: int, *, turn_is_over: bool) -> None:
        """Request the transcript, which is fed to the machine as `revision`'s, with the end-of-turn probability."""
        self._waterfall.transcript_asked(self._clock.now())
        self._slots.replace("transcript", self._transcribe(revision, None if turn_is_over else self._ending_model))

    def suspend(self) -> None:
        """Cancel the requested transcript."""
        self._slots.cancel("transcript")

    def ended(self) -> None:
        """Stop the partials: the utterance is over."""
        self._slots.cancel("partial")

    def close(self) -> None:
        """Discard the utterance and release its recogniser. Idempotent."""
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
        """Return what is known of a long utterance whose transcript failed; a short one is soon repeated."""
        return max(self._utterance.settled, self._stable.published, key=len) if self._utterance.is_long else ""

    async def _ending(self, model: EndOfTurnDetector | None) -> float | None:
        """Return the end-of-turn probability; None without a model or after its timeout: the text decides alone."""
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
            return  # the final transcript reports it
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
