"""How long the engines take on this machine, as it is now, for a second of speech."""

import asyncio
from pathlib import Path

import numpy as np
import soundfile

import voice
from pipeline.tasks.clock import Clock
from voice.audio.formats import FRAME, Int16Mono16k
from voice.stt.speech_to_text import SpeechToText
from voice.tts.base import VoiceStyle
from voice.tts.synthesis import TextToSpeech

SAID = Path(voice.__file__).parent / "recordings" / "slt" / "records-office" / "01.flac"
SPOKEN = "Good, somebody. My laptop died on me, and I have stood in three lines about it."

_RATE_HZ = 24_000
_CALL = "warm"


async def hearing_pace(stt: SpeechToText, clock: Clock) -> float:
    """Transcribe a packaged recording; return the real-time factor, seconds for each second of speech.

    Raises:
        VoiceError: the engine fails.
    """
    audio: Int16Mono16k = (await asyncio.to_thread(soundfile.read, SAID, dtype="int16"))[0]
    async with stt.segment(_CALL) as segment:
        began = clock.now()
        for start in range(0, len(audio) - FRAME + 1, FRAME):
            segment.push(np.asarray(audio[start : start + FRAME]))
        await segment.transcript()
        return (clock.now() - began) / (len(audio) / 16_000)


async def speaking_pace(tts: TextToSpeech, clock: Clock) -> float:
    """Synthesize a sentence; return the real-time factor, seconds for each second of speech.

    Raises:
        VoiceError: the engine fails.
    """
    began, samples = clock.now(), 0
    async for chunk in tts.speak(SPOKEN, VoiceStyle(), _RATE_HZ, _CALL):
        samples += len(chunk.audio)
    return (clock.now() - began) / max(1.0, samples / _RATE_HZ)
