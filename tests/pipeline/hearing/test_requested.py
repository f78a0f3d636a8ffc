"""Audio that belongs to no call: only speech is recognised, and words that were given stay."""

import asyncio
from typing import Any

import numpy as np

from pipeline.hearing.requested import RequestedTranscript
from tests.pipeline.scene import Repeater
from tests.voice.sound import frames_of, noise, recording, recordings
from voice.audio.resample import Resampler
from voice.stt.speech_to_text import SpeechToText
from voice.stt.sphinx.engine import PocketSphinx
from voice.work.workers import InlineWorkers


async def heard(transcriber: Any, *parts: Any) -> str:
    request = RequestedTranscript(SpeechToText(transcriber, InlineWorkers()), "request")
    for frame in frames_of(np.concatenate(parts)):
        await request.hear(frame)
    text = await request.transcript()
    request.close()
    return text


def test_silence_and_noise_have_no_words_and_no_work() -> None:
    repeater = Repeater("thank you")
    assert asyncio.run(heard(repeater, np.zeros(3 * 16_000, np.int16), noise(2 * 16_000, level_db=-60))) == ""
    assert not repeater.seconds


def test_the_recogniser_gets_the_speech_and_little_of_the_silence_around_it() -> None:
    repeater, speech = Repeater(), recording("slt/clinic/01")
    silence = noise(20 * 16_000, level_db=-75)
    assert asyncio.run(heard(repeater, silence, speech, silence)) == repeater.words
    assert len(repeater.seconds) == 1
    assert len(speech) / 16_000 - 0.3 < repeater.seconds[0] < len(speech) / 16_000 + 2.5


def test_a_long_recording_is_recognised_in_segments() -> None:
    repeater, speech = Repeater("part"), recording("slt/clinic/01")
    parts = [part for _ in range(12) for part in (speech, noise(2 * 16_000, level_db=-75))]
    assert set(asyncio.run(heard(repeater, *parts)).split()) == {"part"}
    assert len(repeater.seconds) > 1
    assert max(repeater.seconds) <= 30


def test_words_that_were_given_are_not_taken_back() -> None:
    async def story() -> None:
        request = RequestedTranscript(SpeechToText(PocketSphinx(), InlineWorkers()), "request")
        assert await request.more() is None
        assert request.silence_ms is None
        given = [""]
        frames = frames_of(np.concatenate([recording("slt/clinic/01"), noise(16_000, level_db=-75)]))
        for number, frame in enumerate(frames):
            await request.hear(frame)
            await asyncio.sleep(0)
            if number % 15 == 0 and (more := await request.more()) is not None:
                assert more.startswith(given[-1])
                given.append(more)
        assert len(given) > 2
        assert request.silence_ms is not None
        assert request.silence_ms >= 800
        assert len(await request.transcript()) >= len(given[-1]) / 2
        request.close()

    asyncio.run(story())


def test_a_narrow_recording_that_begins_with_a_word_is_heard() -> None:
    for name in recordings("clinic")[:6]:
        down, up = Resampler(16_000, 8_000), Resampler(8_000, 16_000)
        narrow = up.process(np.concatenate([down.process(recording(name)), down.flush()]))
        assert asyncio.run(heard(Repeater("words"), narrow)) == "words", name
