"""A whole recording to text: for a message that was recorded instead of typed."""

import asyncio

import numpy as np

from voice.audio.containers import decode_file
from voice.audio.formats import FRAME, RATE_HZ
from voice.stt.speech_to_text import SpeechToText

LONGEST_S = 600.0
"""Seconds of one recorded message."""

_PIECE = 25 * RATE_HZ


async def transcribe_recording(stt: SpeechToText, data: bytes, *, call: str, prompt: str = "") -> str:
    """The words of an audio file, piece by piece, as no recogniser takes more than 30 s.

    Args:
        stt: the shared recogniser.
        data: a WAV, WebM, Ogg, MP3 or FLAC file.
        call: whose work it is, for fairness.
        prompt: words likely to occur.

    Raises:
        UnsupportedFormat, InvalidAudio: it is no audio that anybody here understands, or too long.
        EngineBusy, EngineFailed: the recogniser.
    """
    audio = await asyncio.to_thread(decode_file, data, max_seconds=LONGEST_S)
    samples = np.clip(audio * 32767, -32768, 32767).astype(np.int16)
    texts, recogniser = [], stt.of(call)  # what is learned of its language holds for all segments
    for start in range(0, len(samples), _PIECE):
        piece = samples[start : start + _PIECE]
        async with recogniser.segment(prompt) as segment:
            for at in range(0, len(piece) - len(piece) % FRAME, FRAME):
                segment.push(piece[at : at + FRAME])
            texts.append((await segment.transcript()).text)
    return " ".join(text for text in texts if text)
