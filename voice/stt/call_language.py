"""The language of one call: detected in its first telling utterance, and its language from then on."""

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.stt.base import MultilingualTranscriber, Transcript
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

TELLING = RATE_HZ
"""Samples that settle a language; shorter speech, a first partial for example, is too little to tell it by."""


class CallLanguage:
    """One call's view of a shared transcriber that detects languages. What it knows ends with it.

    Args:
        transcriber: the shared one.
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
