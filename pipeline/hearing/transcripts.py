"""The learner's words on their way to the turn machine: partials while they speak, the transcript when they pause."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.conversation.events import Problem, SessionEvent, UserPartial
from pipeline.conversation.waterfall import Waterfall
from pipeline.hearing.pace import HearingPace
from pipeline.hearing.partials import StablePrefix
from pipeline.hearing.utterance import Utterance
from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots
from pipeline.turn.end_of_turn import EndOfTurn
from pipeline.turn.events import Event, Partial, Transcribed
from voice.audio.formats import FRAME, Samples
from voice.errors import VoiceError
from voice.speech.end_of_turn_model import EndOfTurnDetector

log = logging.getLogger(__name__)

ENDING_S = 0.25
"""Timeout of the votes on the end of a turn."""


@dataclass(slots=True)
class Look:
    """A transcript that was requested ahead of the pause, as soon as it was quiet.

    Attributes:
        last_sound: position of the last sound before it; the transcript is good as long as there is no later one.
        asked_at: when it was requested.
        words: the transcript; None before, or if it failed.
        over: set when `words` will not change any more.
    """

    last_sound: Samples
    asked_at: float
    words: str | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Transcripts:
    """Recognises one utterance after another.

    Args:
        utterance: transcribes the learner's audio.
        ending: looks for the end of a turn in its sound; None leaves that to the words.
        call: the fairness key of the work.
        slots: the session's tasks.
        clock, waterfall: take the timestamps.
        pace: chooses when to ask for partials and transcripts.
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
        pace: HearingPace,
        transcript_s: float,
        spoken: Callable[[], str],
        emit: Callable[[SessionEvent], None],
        feed: Callable[[Event], None],
    ) -> None:
        self._utterance = utterance
        self._ending = ending
        self._judge = EndOfTurn()
        self._call = call
        self._slots = slots
        self._clock = clock
        self._waterfall = waterfall
        self._pace = pace
        self._transcript_s = transcript_s
        self._spoken = spoken
        self._emit = emit
        self._feed = feed
        self._stable = StablePrefix()
        self._opened_at = 0
        self._partial_at: Samples | None = None
        self._last_sound = 0
        self._look: Look | None = None

    def expect(self, prompt: str, language: str) -> None:
        """Expect other words, or another language, from the next utterance on; see `Utterance`."""
        self._utterance.expect(prompt, language)

    def take_pace(self, pace: HearingPace, *, keep_all: bool) -> None:
        """Recognise at another pace; for `keep_all` see `Utterance`."""
        self._pace.take(pace)
        self._utterance.keep(everything=keep_all)

    def drop(self) -> None:
        """Drop the audio before the next utterance."""
        self._utterance.drop()

    def open(self, at: Samples, now: Samples) -> None:
        """Open an utterance whose speech began at `at`, or continue the open one."""
        if not self._utterance.is_open:
            self._stable = StablePrefix()  # a continued utterance keeps its published words
        self._utterance.open(now - at)
        self._look = None
        self._opened_at, self._partial_at = now, None

    def hear(self, frame: NDArray[np.int16], last_sound: Samples, *, utterance_open: bool) -> None:
        """Take 20 ms of the learner's audio: shape (320,), 16 kHz; `last_sound` as of `Endpointer`."""
        self._last_sound = last_sound
        if not utterance_open:
            self._utterance.remember(frame)
            return
        self._utterance.push(frame)
        if self._utterance.too_long:
            self._slots.replace("settle", self._settle())

    def resumed(self) -> None:
        """Note that the learner resumes after a pause."""
        self._utterance.resumed()

    def follow(self, turn: int, now: Samples, *, over_reply: bool) -> None:
        """Look ahead of a pause, or else publish a partial, if one of them is due.

        Args:
            turn: its number.
            now: the end of what was heard.
            over_reply: whether the persona speaks, and words may stop her.
        """
        look_after = self._pace.look_after
        if look_after is not None and now - self._last_sound > FRAME and self._utterance.takes_looks:
            if now - self._last_sound >= look_after:
                self._look_ahead(turn, now)
            return  # a partial would be in the way of the look
        if self._slots.running("partial") or self._slots.running("look"):
            return
        after = self._pace.partial_after(
            first=self._partial_at is None, pressure=self._utterance.pressure, over_reply=over_reply
        )
        since = self._opened_at if self._partial_at is None else self._partial_at
        if after is not None and now - since >= after:
            self._partial_at = now
            self._slots.replace("partial", self._publish_partial(turn))

    def ask(self, revision: int, *, turn_is_over: bool) -> None:
        """Request the transcript, which is fed to the machine as `revision`'s, with the end-of-turn probability.

        If there is a look since the last sound, its words are the transcript.
        """
        look = self._look if self._look is not None and self._look.last_sound == self._last_sound else None
        if look is None:
            self._slots.cancel("look")
        self._slots.cancel("partial")
        self._waterfall.transcript_asked(self._clock.now() if look is None else look.asked_at)
        ending = None if turn_is_over else self._ending
        self._slots.replace("transcript", self._transcribe(revision, look, ending))

    @property
    def stands_out(self) -> bool:
        """Whether the open utterance is louder than what sounds in the background."""
        return self._utterance.stands_out

    def suspend(self) -> None:
        """Cancel the requested transcript."""
        self._slots.cancel("transcript")

    def ended(self) -> None:
        """Stop the partials: the utterance is over."""
        self._slots.cancel("partial")

    def close(self) -> None:
        """Discard the utterance and release its recogniser. Idempotent."""
        self._look = None
        self._slots.cancel("look")
        self._utterance.close()

    def _look_ahead(self, turn: int, now: Samples) -> None:
        if self._look is None or self._look.last_sound != self._last_sound:
            self._look = Look(self._last_sound, self._clock.now())
            self._partial_at = now
            self._slots.cancel("partial")
            self._slots.replace("look", self._publish_look(turn, self._look))

    async def _transcribe(self, revision: int, look: Look | None, ending: EndOfTurnDetector | None) -> None:
        try:
            async with asyncio.timeout(self._transcript_s):
                text, votes = await asyncio.gather(self._words(look), self._votes(ending))
        except (VoiceError, TimeoutError) as error:
            code = error.code if isinstance(error, VoiceError) else "stt_failed"
            self._report(code, str(error) or "The recogniser did not answer in time; say it again or type it.")
            known = self._known()
            self._feed(Transcribed(revision, known, self._spoken(), failed=not known))
            return
        self._waterfall.transcript_came(self._clock.now())
        self._feed(Transcribed(revision, text, self._spoken(), *votes))

    async def _words(self, look: Look | None) -> str:
        """Return the words of a look, or else ask for them; a look that failed is asked again."""
        if look is not None:
            await look.over.wait()
            if look.words is not None:
                return look.words
        began = self._clock.now()
        words = await self._utterance.transcript()
        self._pace.transcript_took(self._clock.now() - began)
        return words

    def _known(self) -> str:
        """Return what is known of a long utterance whose transcript failed; a short one is soon repeated."""
        return max(self._utterance.settled, self._stable.published, key=len) if self._utterance.is_long else ""

    async def _votes(self, ending: EndOfTurnDetector | None) -> tuple[float | None, float | None]:
        """Return the end-of-turn probabilities by prosody and by the model, None for whoever is absent, late or broken.

        The model is dear: it is not asked if the voice is still up. It does not wait for the words, although they may
        settle it: after them it would be too late for the endpoint delay of a complete text.
        """
        prosody = None
        if ending is None:
            return None, None
        heard = self._utterance.latest
        try:
            async with asyncio.timeout(ENDING_S):
                prosody = await ending.by_prosody(heard, self._call)
                if self._judge.is_up(prosody):
                    return prosody, None
                return prosody, await ending.by_model(heard, self._call)
        except (VoiceError, TimeoutError) as error:
            log.warning("No vote on the end of the turn (%s); the words decide.", str(error) or "too slow")
            return prosody, None

    async def _publish_look(self, turn: int, look: Look) -> None:
        try:
            with suppress(VoiceError):  # the transcript is then asked for again, and reports it
                look.words = await self._utterance.look()
        finally:
            look.over.set()
        if look.words is not None:
            self._pace.transcript_took(self._clock.now() - look.asked_at)
            self._publish(turn, look.words)

    async def _publish_partial(self, turn: int) -> None:
        began = self._clock.now()
        try:
            text = await self._utterance.partial()
        except VoiceError:
            return  # the final transcript reports it; or it was given up for one
        self._pace.partial_took(self._clock.now() - began)
        self._publish(turn, text)

    def _publish(self, turn: int, text: str) -> None:
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
