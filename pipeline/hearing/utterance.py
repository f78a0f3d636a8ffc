"""The learner's utterance on its way to a transcript: pre-roll, the segments of a long one, partials."""

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice.audio.formats import FRAME, RATE_HZ
from voice.stt.segment import Segment
from voice.stt.speech_to_text import SpeechToText

PREROLL_MS = 300
"""Audio kept from before the speech was noticed, so that its first sound is not lost."""

SEGMENT_MS = 15_000
"""At a pause after this much speech the words so far are settled and a new segment begins."""

LONGEST_SEGMENT_MS = 28_000
"""No recogniser takes more than 30 s: without any pause the cut comes here."""


class Utterance:
    """What the learner says in one go: recognised while it is open, as one segment after another where it is long.

    Between utterances it keeps the latest audio, for the beginning of the next one.

    Args:
        stt: the shared recogniser.
        call: whose work it is, for fairness between calls.
        prompt: words likely to occur.
        keep_all: the learner says when an utterance ends, so that any audio before it may belong to it.
    """

    def __init__(self, stt: SpeechToText, call: str, prompt: str = "", *, keep_all: bool = False) -> None:
        self._recogniser = stt.of(call)
        self._prompt = prompt
        self._preroll: deque[NDArray[np.int16]] = deque(
            maxlen=(LONGEST_SEGMENT_MS if keep_all else PREROLL_MS) * RATE_HZ // 1000 // FRAME
        )
        self._settled: list[str] = []
        self._segment: Segment | None = None
        self._segment_frames = self._frames = 0
        self._settling = asyncio.Lock()

    def remember(self, frame: NDArray[np.int16]) -> None:
        """A 20 ms frame outside any utterance: kept for a while, as the next one's pre-roll."""
        self._preroll.append(frame)

    def open(self, since: int = 0) -> None:
        """Begin an utterance, or go on with the one that is open; the pre-roll belongs to it.

        Args:
            since: samples from its beginning to now; so much audio belongs to it, and the pre-roll at least.
        """
        if self._segment is None:
            self._settled, self._frames = [], 0
            self._begin_segment()
        wanted = max(since // FRAME, PREROLL_MS * RATE_HZ // 1000 // FRAME)
        for frame in list(self._preroll)[-wanted:]:
            self.push(frame)
        self._preroll.clear()

    def resumed(self) -> None:
        """The learner goes on after a pause: what an engine must do again for that can begin now."""
        if self._segment is not None:
            self._segment.resumed()

    def push(self, frame: NDArray[np.int16]) -> None:
        """A 20 ms frame of the open utterance."""
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
    def too_long(self) -> bool:
        """Whether `settle` is due: the segment has become as long as a recogniser takes."""
        return self._segment_frames * FRAME >= LONGEST_SEGMENT_MS * RATE_HZ // 1000

    @property
    def is_long(self) -> bool:
        """Whether the utterance is one that nobody says twice."""
        return self._is_long(self._frames)

    @property
    def settled(self) -> str:
        """The words of the segments before the current one."""
        return self._joined("")

    async def transcript(self) -> str:
        """The words of the whole utterance so far.

        Raises:
            VoiceError: the recogniser failed.
        """
        async with self._settling:
            current, frames = self._segment, self._segment_frames
            if current is None or frames == 0:
                return self._joined("")
            words = (await current.transcript()).text
            text = self._joined(words)
            if current is self._segment and frames == self._segment_frames and self._is_long(frames):
                self._settled.append(words)
                self._begin_segment()
            return text

    async def settle(self) -> None:
        """Transcribe the current segment for good; audio that comes meanwhile belongs to the next one."""
        async with self._settling:
            full = self._segment
            if full is None:
                return
            self._segment = None
            self._begin_segment()
            try:
                self._settled.append((await full.transcript()).text)
            finally:
                full.close()

    async def partial(self) -> str:
        """The words so far, as they look now."""
        return "" if self._segment is None else self._joined(await self._segment.partial())

    def close(self) -> None:
        """Forget the utterance and give its recogniser back. Idempotent."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None
            self._settled = []

    def _begin_segment(self) -> None:
        if self._segment is not None:
            self._segment.close()
        self._segment = self._recogniser.segment(prompt=self._prompt)
        self._segment_frames = 0

    def _is_long(self, frames: int) -> bool:
        return frames * FRAME >= SEGMENT_MS * RATE_HZ // 1000

    def _joined(self, words: str) -> str:
        return " ".join(part for part in [*self._settled, words] if part)
