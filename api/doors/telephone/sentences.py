"""What a caller hears where no persona speaks: recorded sentences, which need no engine, and texts that need one."""

import asyncio
import logging
from enum import StrEnum
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from voice.audio.formats import Int16Mono
from voice.errors import VoiceError
from voice.tts.base import VoiceStyle
from voice.tts.synthesis import TextToSpeech

log = logging.getLogger(__name__)

RECORDED_HZ = 8_000

FOLDER = Path(__file__).parent / "recorded"

_SPOKEN_S = 6.0
"""Longest that a sentence is synthesized; then the recorded one is said."""


class RecordedSentence(StrEnum):
    """A recorded sentence; the value is the name of its file, and `TEXTS` has its words."""

    BUSY = "busy"
    CLOSED = "closed"
    FAILED = "failed"
    RESTARTING = "restarting"
    PIN = "pin"
    WRONG_PIN = "wrong-pin"
    NO_PIN = "no-pin"


TEXTS = {
    RecordedSentence.BUSY: "I am sorry, all our lines are busy. Please call again in a few minutes. Goodbye.",
    RecordedSentence.CLOSED: "I am sorry, nobody is here at this hour. Please call again later. Goodbye.",
    RecordedSentence.FAILED: "I am sorry, something is broken on our side. Please call again later. Goodbye.",
    RecordedSentence.RESTARTING: "I am sorry, I have to hang up for a moment. Please call again in a minute. Goodbye.",
    RecordedSentence.PIN: "Please enter your personal number, then press the hash key.",
    RecordedSentence.WRONG_PIN: "I do not know this number. Please enter it again, then press the hash key.",
    RecordedSentence.NO_PIN: "I am sorry, I cannot let you in without your number. Goodbye.",
}


@cache
def recorded(sentence: RecordedSentence) -> Int16Mono:
    """Return a recorded sentence, at `RECORDED_HZ`."""
    audio, rate_hz = soundfile.read(FOLDER / f"{sentence.value}.flac", dtype="int16")
    assert rate_hz == RECORDED_HZ
    return np.asarray(audio, np.int16)


async def spoken(
    text: str, engines: tuple[TextToSpeech | None, ...], language: str, instead: RecordedSentence
) -> Int16Mono:
    """Synthesize a text at `RECORDED_HZ` by the first engine that can; else return a recorded sentence."""
    style = VoiceStyle(language=language or "en")
    for tts in engines:
        if tts is None:
            continue
        try:
            async with asyncio.timeout(_SPOKEN_S):
                chunks = [chunk.audio async for chunk in tts.speak(text, style, RECORDED_HZ, "telephone")]
        except (VoiceError, TimeoutError) as error:
            log.warning("A sentence could not be synthesized (%s).", type(error).__name__)
            continue
        if chunks:
            return np.concatenate(chunks)
    return recorded(instead)
