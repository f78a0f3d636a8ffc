"""A recorded message to text, in pieces."""

import asyncio
import io

import numpy as np
import soundfile

from pipeline.hearing.dictation import transcribe_recording
from tests.voice.child_engines import Polyglot
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import InlineWorkers


def test_the_language_of_the_first_piece_is_that_of_the_recording() -> None:
    german, french = np.full(25 * 16_000, 0.1), np.full(20 * 16_000, -0.1)
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([german, french]), 16_000, format="WAV")
    stt = SpeechToText(Polyglot(), InlineWorkers())
    assert asyncio.run(transcribe_recording(stt, file.getvalue(), call="c")) == "de de"
