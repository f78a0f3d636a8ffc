"""Recognition of one utterance: pre-roll, segments of a long one, partials."""

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ
from voice.speech.background import BackgroundLevel, stands_out
from voice.stt.base import Transcript
from voice.stt.segment import Segment
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import Pressure, Priority

PREROLL_MS = 300
"""Pre-roll: audio kept from before speech was detected, so that its first sound is not lost."""

SEGMENT_MS = 15_000
"""A pause after this much speech settles the segment and begins a new one."""

LONGEST_SEGMENT_MS = 28_000
"""Without a pause the segment is cut here: no recogniser takes more than 30 s."""

SURE = 0.6
"""Confidence below which words count only if they stand out from the background: of babble Whisper makes 0.1 to 0.5,
of a caller in it seldom less than 0.5."""


class Utterance:
    """An utterance, recognised while it is open, segment by segment if it is long.

    Between utterances it keeps the latest audio as the pre-roll of the next one.

    Args:
        stt: the shared recogniser.
        call: the fairness key of the work.
        prompt: words likely to occur.
        language: BCP 47 tag of the language that the caller is likely to speak; empty for none.
        keep_all: keep a whole segment as pre-roll: with manual turns any of it may belong to the next utterance.
        background: the call's background, which learns what held no words; None for one of its own.
        priority: of the recognition; `Priority.REQUEST` for audio that belongs to no call.
    """

    def __init__(
        self,
        stt: SpeechToText,
        call: str,
        prompt: str = "",
        *,
        language: str = "",
        keep_all: bool = False,
        background: BackgroundLevel | None = None,
        priority: Priority = Priority.FINAL,
    ) -> None:
        self._stt, self._call, self._priority = stt, call, priority
        self._language: str | None = None
        self.expect(prompt, language)
        self._background = background or BackgroundLevel()
        self._preroll: deque[NDArray[np.int16]] = deque()
        self.keep(everything=keep_all)
        self._settled: list[str] = []
        self._segment: Segment | None = None
        self._segment_frames = self._frames = 0
        self._settling = asyncio.Lock()

    def expect(self, prompt: str, language: str) -> None:
        """Expect other words, or another language, from the next segment on."""
        self._prompt = prompt
        if language != self._language:
            self._recogniser = self._stt.of(self._call, language, self._priority)
            self._language = language

    def keep(self, *, everything: bool) -> None:
        """Keep a whole segment as pre-roll from now on, or no more than its first sound needs."""
        self._manual = everything
        kept_ms = LONGEST_SEGMENT_MS if everything else PREROLL_MS
        self._preroll = deque(self._preroll, maxlen=kept_ms * RATE_HZ // 1000 // FRAME)

    def drop(self) -> None:
        """Drop the pre-roll: the next utterance begins later."""
        self._preroll.clear()

    def remember(self, frame: NDArray[np.int16]) -> None:
        """Keep a 20 ms frame outside any utterance as pre-roll."""
        self._preroll.append(frame)

    def open(self, since: int = 0) -> None:
        """Open an utterance that includes the pre-roll, or continue the open one.

        Args:
            since: samples from its beginning to now; it includes this much audio, at least the pre-roll.
        """
        if self._segment is None:
            self._settled, self._frames = [], 0
            self._begin_segment()
        wanted = max(since // FRAME, PREROLL_MS * RATE_HZ // 1000 // FRAME)
        for frame in list(self._preroll)[-wanted:]:
            self.push(frame)
        self._preroll.clear()

    def resumed(self) -> None:
        """Note that the learner resumes after a pause: an engine may begin its rework."""
        if self._segment is not None:
            self._segment.resumed()

    def push(self, frame: NDArray[np.int16]) -> None:
        """Take a 20 ms frame of the open utterance."""
        assert self._segment is not None
        self._segment.push(frame)
        self._segment_frames += 1
        self._frames += 1

    @property
    def is_open(self) -> bool:
        """Whether an utterance is under way."""
        return self._segment is not None

    @property
    def latest(self) -> NDArray[np.int16]:
        """The audio of the utterance's current segment, shape (n,) at 16 kHz; empty without one."""
        return np.zeros(0, np.int16) if self._segment is None else self._segment.audio

    @property
    def stands_out(self) -> bool:
        """Whether the utterance, or its current segment, is louder than what sounds in the background."""
        return len(self.latest) > 0 and stands_out(self.latest, self._background.level_db)

    @property
    def too_long(self) -> bool:
        """Whether `settle` is due: the segment has become as long as a recogniser takes."""
        return self._segment_frames * FRAME >= LONGEST_SEGMENT_MS * RATE_HZ // 1000

    @property
    def is_long(self) -> bool:
        """Whether the utterance is too long to be repeated."""
        return self._is_long(self._frames)

    @property
    def settled(self) -> str:
        """The words of the segments before the current one."""
        return self._joined("")

    async def transcript(self) -> str:
        """Transcribe the whole utterance so far.

        Raises:
            VoiceError: the recogniser failed.
        """
        async with self._settling:
            current, frames = self._segment, self._segment_frames
            if current is None or frames == 0:
                return self._joined("")
            words = self._believed(await current.transcript(), current)
            text = self._joined(words)
            if current is self._segment and frames == self._segment_frames and self._is_long(frames):
                self._settled.append(words)
                self._begin_segment()
            return text

    @property
    def takes_looks(self) -> bool:
        """Whether `look` is worth while: there is neither a decoder that streams, nor a long utterance to settle."""
        return self._segment is not None and not self._segment.streams and not self.is_long

    @property
    def pressure(self) -> Pressure:
        """How much the recogniser has to do; none where a partial adds nothing to it."""
        return Pressure() if self._segment is None else self._segment.pressure

    async def look(self) -> str:
        """Transcribe the utterance so far, ahead of a pause: as `transcript`, but it settles nothing.

        Raises:
            VoiceError: the recogniser failed.
        """
        async with self._settling:
            current = self._segment
            return "" if current is None else self._joined(self._believed(await current.transcript(), current))

    async def settle(self) -> None:
        """Transcribe the current segment finally; audio received meanwhile belongs to the next one."""
        async with self._settling:
            full = self._segment
            if full is None:
                return
            self._segment = None
            self._begin_segment()
            try:
                self._settled.append(self._believed(await full.transcript(), full))
            finally:
                full.close()

    async def partial(self) -> str:
        """Return the words so far, which may still change."""
        current = self._segment
        return "" if current is None else self._joined(self._believed(await current.partial(), current))

    def close(self) -> None:
        """Discard the utterance and release its recogniser. Idempotent."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
            self._settled = []

    def _begin_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
        self._segment = self._recogniser.segment(prompt=self._prompt)
        self._segment_frames = 0

    def _believed(self, transcript: Transcript, segment: Segment) -> str:
        """Return the words, or none if they are unsure and no louder than what sounds anyway."""
        doubted = transcript.text and transcript.confidence is not None and transcript.confidence < SURE
        if doubted and not self._manual and not stands_out(segment.audio, self._background.level_db):
            self._background.settle(heard=False)
            return ""
        return transcript.text

    def _is_long(self, frames: int) -> bool:
        return frames * FRAME >= SEGMENT_MS * RATE_HZ // 1000

    def _joined(self, words: str) -> str:
        return " ".join(part for part in [*self._settled, words] if part)
