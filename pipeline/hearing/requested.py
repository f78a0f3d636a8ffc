"""Transcription of audio that belongs to no call, while it arrives: of any length, behind the work of calls."""

import numpy as np

from pipeline.hearing.ear import Ear
from pipeline.hearing.partials import StablePrefix
from pipeline.hearing.utterance import Utterance
from voice.audio.formats import FRAME, RATE_HZ, Int16Mono
from voice.speech.endpointing import Endpointer, SpeechResumed, SpeechStarted
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import Priority

GAP_MS = 1_000
"""Longest silence that is given to the recogniser: of longer ones it would make words."""


_BEFORE_FRAMES = 25
"""Silence that is heard before a recording, which may begin with a word: else it would be taken for the background."""


class RequestedTranscript:
    """The transcript of one recording, which is fed frame by frame.

    Only what the detector takes for speech reaches the recogniser, so that silence and noise have no words. Close it.

    Args:
        stt: the shared recogniser.
        call: the fairness key of the work.
        prompt: words likely to occur.
        language: BCP 47 tag of the language that is likely to be spoken; empty for none.
    """

    def __init__(self, stt: SpeechToText, call: str, prompt: str = "", language: str = "") -> None:
        self._ear = Ear(RATE_HZ, cancels_echo=False)
        self._endpointer = Endpointer()
        self._utterance = Utterance(
            stt, call, prompt, language=language, background=self._ear.background, priority=Priority.REQUEST
        )
        self._stable = StablePrefix()
        self._position = 0
        self._takes = False
        for _ in range(_BEFORE_FRAMES):
            self._ear.hear(np.zeros(FRAME, np.int16), 0.0, in_utterance=False)

    @property
    def silence_ms(self) -> int | None:
        """Milliseconds since the latest speech; None before any."""
        if not self._utterance.is_open:
            return None
        return (self._position - self._endpointer.last_speech) * 1000 // RATE_HZ

    async def hear(self, frame: Int16Mono) -> None:
        """Take 20 ms: int16, shape (320,), 16 kHz. Waits for the recogniser where a segment is full.

        Raises:
            VoiceError: the recogniser failed.
        """
        self._position += FRAME
        heard = self._ear.hear(frame, self._position / RATE_HZ, in_utterance=self._takes)
        happened = self._endpointer.push(heard.speech, self._position)
        if not self._takes:
            self._utterance.remember(heard.audio)
            for event in happened:
                if isinstance(event, SpeechStarted | SpeechResumed):
                    self._utterance.open(self._position - event.at)
                    self._takes = True
            return
        self._utterance.push(heard.audio)
        if (self._position - self._endpointer.last_sound) * 1000 >= GAP_MS * RATE_HZ:
            self._takes = False
            if self._utterance.is_long:
                await self._utterance.transcript()  # settles what was said so far
        elif self._utterance.too_long:
            await self._utterance.settle()

    async def more(self) -> str | None:
        """Return the words so far that will stay as they are; None if there are no new ones.

        Raises:
            VoiceError: the recogniser failed.
        """
        return self._stable.update(await self._utterance.partial()) if self._utterance.is_open else None

    async def transcript(self) -> str:
        """Return the whole transcript; empty if nobody spoke.

        Raises:
            VoiceError: the recogniser failed.
        """
        return await self._utterance.transcript() if self._utterance.is_open else ""

    def close(self) -> None:
        """Release the recogniser. Idempotent."""
        self._utterance.close()
