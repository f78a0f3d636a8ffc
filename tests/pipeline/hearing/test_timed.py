"""The transcript of a recording with times: where there is speech, and what is said there."""

import asyncio

import numpy as np
import pytest

from pipeline.hearing.timed import HeardSegment, heard_segments, speech_in
from tests.pipeline.scene import Repeater
from tests.service import quiet
from tests.voice.sound import recording
from voice.stt.speech_to_text import SpeechToText
from voice.work.workers import InlineWorkers

SAID = recording("rms/turns/13")
TWICE = np.concatenate([quiet(500), SAID, quiet(2_000), SAID, quiet(500)])


def heard(audio: np.ndarray, transcriber: Repeater) -> list[HeardSegment]:
    async def run() -> list[HeardSegment]:
        stt = SpeechToText(transcriber, InlineWorkers())
        return [segment async for segment in heard_segments(stt, audio, call="test")]

    return asyncio.run(run())


def test_speech_is_found_where_it_is() -> None:
    first, second = speech_in(TWICE)
    length = len(SAID) / 16_000
    assert first[0] / 16_000 == pytest.approx(0.5, abs=0.3)
    assert first[1] / 16_000 == pytest.approx(0.5 + length, abs=0.4)
    assert second[0] / 16_000 == pytest.approx(2.5 + length, abs=0.3)


def test_silence_has_no_segments_and_asks_no_recogniser() -> None:
    repeater = Repeater()
    assert heard(quiet(3_000), repeater) == []
    assert heard(quiet(0), repeater) == []
    assert repeater.seconds == []


def test_long_speech_is_cut_below_what_a_recogniser_takes() -> None:
    long = np.concatenate([SAID[2_000:-2_000]] * 30)
    repeater = Repeater()
    segments = heard(long, repeater)
    assert len(segments) >= 2
    assert max(repeater.seconds) < 28
    assert segments[-1].end_s == pytest.approx(len(long) / 16_000, abs=1)


def test_words_have_times_within_their_segment_in_order() -> None:
    first, second = heard(TWICE, Repeater("can you repeat that"))
    words = [*first.words(), *second.words()]
    assert [word.text for word in words] == "can you repeat that can you repeat that".split()
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert (times[0], times[7]) == (first.start_s, pytest.approx(first.end_s))


def test_a_segment_without_words_is_left_out() -> None:
    assert heard(TWICE, Repeater("")) == []
