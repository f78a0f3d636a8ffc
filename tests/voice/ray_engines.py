"""Engines that say on Ray which replica they are, and what they were asked for."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import numpy as np

from voice.audio.formats import Float32Mono16k
from voice.errors import Cancelled as CancelledError
from voice.stt.base import Transcript
from voice.stt.fixed import FixedTranscriber
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.work.cancellation import Cancelled, never_cancelled

DIES = 0.9
"""A first sample that is at least so loud is the last that the replica hears."""


class Replica(FixedTranscriber):
    """Its words are its process id; it takes its time, until nobody wants them."""

    def __init__(self, folder: Path, milliseconds: int = 20) -> None:
        super().__init__(milliseconds)
        self._folder = folder

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        if audio[0] >= DIES:
            os._exit(1)
        if prompt == "hold":
            (self._folder / "held").touch()
            while not cancelled():
                Event().wait(0.01)
            (self._folder / "let go").touch()
            raise CancelledError("Nobody wants it.")
        super().transcribe(audio, prompt=prompt, cancelled=cancelled)
        return Transcript(str(os.getpid()))


class Humming:
    """Says a thousand chunks, and notes each in a file."""

    name = "humming"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        for _ in range(1000 if text == "long" else 3):
            if cancelled():
                raise CancelledError("Nobody wants it.")
            with (self._folder / "chunks").open("ab") as made:
                made.write(b".")
            yield SpeechChunk(np.full(2400, 1000, np.int16), 24_000)
            Event().wait(0.01)


WORDS = "Can you repeat that please?"


class Talking(FixedTranscriber):
    """Says the same of every utterance, and leaves its process id in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        (folder / f"replica-{os.getpid()}").touch()

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        super().transcribe(audio, prompt=prompt, cancelled=cancelled)
        return Transcript(WORDS)
