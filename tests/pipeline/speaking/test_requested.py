"""Speech that belongs to no call: the text may be split anywhere, and a broken engine is replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import numpy as np
import pytest

from pipeline.speaking.requested import RequestedSpeech
from voice.errors import EngineFailed
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

TEXT = "I am sorry to hear that. Your order number is 74, and it comes on Friday."


class BreaksAfter:
    """An engine that breaks in its second clause."""

    name = "breaks"

    def __init__(self) -> None:
        self.clauses = 0

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        self.clauses += 1
        if self.clauses > 1:
            raise EngineFailed("Its voice is gone; choose another one.")
        yield SpeechChunk(np.ones(2205, np.int16), 22_050)


async def letters(text: str, size: int) -> AsyncIterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def spoken(speech: RequestedSpeech, text: str, size: int = 1000) -> np.ndarray:
    parts = [audio async for audio in speech.speak(letters(text, size))]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def espeak() -> TextToSpeech:
    return TextToSpeech(EspeakSynthesizer(), InlineWorkers())


@pytest.mark.parametrize("size", [1, 7])
def test_a_text_sounds_the_same_however_it_is_split(size: int) -> None:
    whole = asyncio.run(spoken(RequestedSpeech(espeak(), None, VoiceStyle(), 22_050, "r"), TEXT))
    split = asyncio.run(spoken(RequestedSpeech(espeak(), None, VoiceStyle(), 22_050, "r"), TEXT, size))
    assert len(whole) > 2 * 22_050
    assert np.array_equal(whole, split)


def test_nothing_to_say_is_no_audio() -> None:
    assert not len(asyncio.run(spoken(RequestedSpeech(espeak(), None, VoiceStyle(), 22_050, "r"), " \n ")))


def test_the_fallback_goes_on_where_the_engine_breaks() -> None:
    broken = TextToSpeech(BreaksAfter(), InlineWorkers())
    audio = asyncio.run(spoken(RequestedSpeech(broken, espeak(), VoiceStyle(), 22_050, "r"), TEXT))
    assert np.all(audio[:2205] == 1)
    assert len(audio) > 2 * 22_050


def test_without_a_fallback_the_error_is_told() -> None:
    with pytest.raises(EngineFailed):
        asyncio.run(
            spoken(RequestedSpeech(TextToSpeech(BreaksAfter(), InlineWorkers()), None, VoiceStyle(), 22_050, "r"), TEXT)
        )
