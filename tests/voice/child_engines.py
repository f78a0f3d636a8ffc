"""Recognisers that do in a child process what a test needs: hear several languages, die, hang, fail to start."""

import os
from pathlib import Path
from threading import Event

import numpy as np

from voice.audio.formats import Float32Mono16k
from voice.stt.base import LanguageGuess, Transcriber, Transcript
from voice.stt.call_language import CallLanguage
from voice.stt.fixed import FixedTranscriber
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

LOUD = 0.9
"""A first sample that is at least so loud, or at most so low, is the last that `Fragile` hears."""


def speech(first: float = 0.1, seconds: float = 1.0, level: float = 0.1) -> Float32Mono16k:
    audio = np.full(round(seconds * 16_000), level, np.float32)
    audio[0] = first
    return audio


class Fragile(FixedTranscriber):
    """Dies of some audio, and of other audio hangs."""

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        if audio[0] >= LOUD:
            os._exit(1)
        if audio[0] <= -LOUD:
            Event().wait()
        return super().transcribe(audio, prompt=prompt, cancelled=cancelled)


class Held(FixedTranscriber):
    """Hears nothing until somebody opens the named pipe `gate` to write; its words are then its process id."""

    def __init__(self, gate: Path) -> None:
        super().__init__()
        self._gate = gate

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        with self._gate.open():
            return Transcript(str(os.getpid()))


class Polyglot(FixedTranscriber):
    """Hears German where the samples are above zero, else French; its words are the language it heard or was told."""

    def for_call(self, expected: str = "") -> Transcriber:
        return CallLanguage(self, expected)

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        return self.transcribe_in(None, audio, prompt, cancelled)

    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        sounds = "de" if audio.mean() > 0 else "fr"
        # As sure as the speech is loud.
        guess = LanguageGuess(sounds, min(1.0, 10 * float(np.abs(audio).mean())), len(audio) / 16_000)
        return Transcript(language or sounds, language or sounds, guess=None if expected is None else guess)


def dies_at_first(mark: Path) -> Transcriber:
    """Make a recogniser; where `mark` does not exist yet, make it and die instead."""
    if not mark.exists():
        mark.touch()
        os._exit(1)
    return FixedTranscriber()
