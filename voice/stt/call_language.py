"""Language detection per call: once, in the first utterance that is long enough, and kept from then on."""

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.stt.base import MultilingualTranscriber, Transcript
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

TELLING = RATE_HZ
"""Samples needed to fix the language; shorter speech, such as a first partial, does not determine it."""


class CallLanguage:
    """A transcriber for one call, on a shared one that detects languages; it keeps the language that was detected.

    Args:
        transcriber: the shared transcriber.
    """

    def __init__(self, transcriber: MultilingualTranscriber) -> None:
        self.name = transcriber.name
        self._transcriber = transcriber
        self._language: str | None = None

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`."""
        transcript = self._transcriber.transcribe_in(self._language, audio, prompt, cancelled)
        if self._language is None and transcript.text and len(audio) >= TELLING:
            self._language = transcript.language
        return transcript
