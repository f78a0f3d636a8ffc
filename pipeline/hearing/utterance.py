"""The learner's audio of one utterance on its way to a transcript: pre-roll, pieces of a long turn, partials."""

import asyncio
from collections import deque

import numpy as np
from numpy.typing import NDArray

from voice.stt.utterance import SpeechToText, Utterance

RATE_HZ = 16_000
FRAME = 320

PREROLL_MS = 300
"""Audio kept from before the speech was noticed, so that its first sound is not lost."""

PIECE_MS = 15_000
"""At a pause after this much speech the words so far are settled and a new piece begins."""

LONGEST_PIECE_MS = 28_000
"""No recogniser takes more than 30 s: without any pause the cut comes here."""


class Hearing:
    """Keeps the latest audio while nobody speaks, and recognises an utterance while somebody does.

    Args:
        stt: the shared recogniser.
        call: whose work it is, for fairness between calls.
        prompt: words likely to occur.
        keep_all: the learner says when an utterance ends, so that any audio before it may belong to it.
    """

    def __init__(self, stt: SpeechToText, call: str, prompt: str = "", *, keep_all: bool = False) -> None:
        self._stt = stt.of(call)
        self._prompt = prompt
        self._preroll: deque[NDArray[np.int16]] = deque(
            maxlen=(LONGEST_PIECE_MS if keep_all else PREROLL_MS) * RATE_HZ // 1000 // FRAME
        )
        self._pieces: list[str] = []
        self._current: Utterance | None = None
        self._current_frames = self._frames = 0
        self._settling = asyncio.Lock()

    def remember(self, frame: NDArray[np.int16]) -> None:
        """A 20 ms frame outside any utterance: kept for a while, as the next one's pre-roll."""
        self._preroll.append(frame)

    def open(self, since: int = 0) -> None:
        """Begin an utterance, or go on with the one that is open; the pre-roll belongs to it.

        Args:
            since: samples from its beginning to now; so much audio belongs to it, and the pre-roll at least.
        """
        if self._current is None:
            self._pieces, self._frames = [], 0
            self._begin_piece()
        wanted = max(since // FRAME, PREROLL_MS * RATE_HZ // 1000 // FRAME)
        for frame in list(self._preroll)[-wanted:]:
            self._push(frame)
        self._preroll.clear()

    def resumed(self) -> None:
        """The learner goes on after a pause: what an engine must do again for that can begin now."""
        if self._current is not None:
            self._current.resumed()

    def push(self, frame: NDArray[np.int16]) -> None:
        """A 20 ms frame of the open utterance."""
        self._push(frame)

    @property
    def is_open(self) -> bool:
        """Whether an utterance is under way."""
        return self._current is not None

    @property
    def latest(self) -> NDArray[np.int16]:
        """The audio of the utterance's current piece, shape (n,) at 16 kHz; empty without one."""
        return np.zeros(0, np.int16) if self._current is None else self._current.audio

    @property
    def too_long(self) -> bool:
        """Whether `settle` is due: the piece has become as long as a recogniser takes."""
        return self._current_frames * FRAME >= LONGEST_PIECE_MS * RATE_HZ // 1000

    @property
    def is_long(self) -> bool:
        """Whether the utterance is one that nobody says twice."""
        return self._is_long(self._frames)

    @property
    def settled(self) -> str:
        """The words of the pieces before the current one."""
        return self._joined("")

    async def transcript(self) -> str:
        """The words of the whole utterance so far.

        Raises:
            VoiceError: the recogniser failed.
        """
        async with self._settling:
            current, frames = self._current, self._current_frames
            if current is None or frames == 0:
                return self._joined("")
            words = (await current.transcript()).text
            text = self._joined(words)
            if current is self._current and frames == self._current_frames and self._is_long(frames):
                self._pieces.append(words)
                self._begin_piece()
            return text

    async def settle(self) -> None:
        """Transcribe the current piece for good; audio that comes meanwhile belongs to the next one."""
        async with self._settling:
            full = self._current
            if full is None:
                return
            self._current = None
            self._begin_piece()
            try:
                self._pieces.append((await full.transcript()).text)
            finally:
                full.close()

    async def partial(self) -> str:
        """The words so far, as they look now."""
        return "" if self._current is None else self._joined(await self._current.partial())

    def close(self) -> None:
        """Forget the utterance and give its recogniser back. Idempotent."""
        if self._current is not None:
            self._current.close()
            self._current = None
            self._pieces = []

    def _begin_piece(self) -> None:
        if self._current is not None:
            self._current.close()
        self._current = self._stt.utterance(prompt=self._prompt)
        self._current_frames = 0

    def _push(self, frame: NDArray[np.int16]) -> None:
        assert self._current is not None
        self._current.push(frame)
        self._current_frames += 1
        self._frames += 1

    def _is_long(self, frames: int) -> bool:
        return frames * FRAME >= PIECE_MS * RATE_HZ // 1000

    def _joined(self, words: str) -> str:
        return " ".join(piece for piece in [*self._pieces, words] if piece)
