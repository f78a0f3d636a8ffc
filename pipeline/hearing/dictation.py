"""Transcription of a whole recording: a message that was recorded instead of typed."""

import asyncio

import numpy as np

from voice.audio.containers import decode_file
from voice.audio.formats import FRAME, RATE_HZ
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import Priority

LONGEST_S = 600.0
"""Longest recorded message, in seconds."""

_PIECE = 25 * RATE_HZ


async def transcribe_recording(stt: SpeechToText, data: bytes, *, call: str, prompt: str = "") -> str:
    """Transcribe an audio file, in segments of at most 30 s.

    Args:
        stt: the shared recogniser.
        data: a WAV, WebM, Ogg, MP3 or FLAC file.
        call: the fairness key of the work.
        prompt: words likely to occur.

    Raises:
        UnsupportedFormat, InvalidAudio: the data is no audio of these formats, or too long.
        EngineBusy, EngineFailed: the recogniser is overloaded, or failed.
    """
    audio = await asyncio.to_thread(decode_file, data, max_seconds=LONGEST_S)
    samples = np.clip(audio * 32767, -32768, 32767).astype(np.int16)
    texts, recogniser = (
        [],
        stt.of(call, priority=Priority.REQUEST),
    )  # the language detected in one segment holds for all
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        async with recogniser.segment(prompt) as segment:
            for at in range(0, len(piece) - len(piece) % FRAME, FRAME):
                segment.push(piece[at : at + FRAME])
            texts.append((await segment.transcript()).text)
    return " ".join(text for text in texts if text)
