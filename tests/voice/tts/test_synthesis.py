"""Text to speech for a call: rates, words in the written text, joints, cancelling, and text that is no text."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from tests.hearing import Heard, heard, pitch_hz, rms, roughest_step, say
from tests.voices_piper import make_voice
from voice.errors import EngineUnavailable
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.phrase_cache import MOST_PHRASES, MOST_SAMPLES, PhraseCache
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.tts.text.clauses import ClauseSplitter
from voice.work.workers import InlineWorkers, ThreadWorkers, Workers

TEXT = "**Hello** there, Dr. Smith! 😀 It costs $5.50, see [the list](http://a.b). Are you *sure*?"


@pytest.fixture(scope="module")
def espeak() -> EspeakSynthesizer:
    return EspeakSynthesizer()


async def collected(speech: TextToSpeech, text: str, rate_hz: int, style: VoiceStyle, call: str = "a") -> Heard:
    return heard([chunk async for chunk in speech.speak(text, style, rate_hz, call)])


def spoken(speech: TextToSpeech, text: str, rate_hz: int = 24_000, style: VoiceStyle | None = None) -> Heard:
    return asyncio.run(collected(speech, text, rate_hz, style or VoiceStyle()))


async def with_threads(work: Callable[[Workers], object]) -> object:
    workers = ThreadWorkers()
    try:
        return await work(workers)  # type: ignore[misc]
    finally:
        await workers.close()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_the_speech_is_the_same_at_every_rate(espeak: EspeakSynthesizer, rate_hz: int) -> None:
    text = "The train to the city leaves at nine."
    plain = say(espeak, text)
    there = spoken(TextToSpeech(espeak, InlineWorkers()), text, rate_hz)
    assert there.rate_hz == rate_hz
    assert there.seconds == pytest.approx(plain.seconds, rel=0.01)
    assert pitch_hz(there.audio, rate_hz) == pytest.approx(pitch_hz(plain.audio, 22_050), rel=0.05)
    assert rms(there.audio) == pytest.approx(rms(plain.audio), rel=0.1)


def test_words_are_placed_in_the_text_that_was_given(espeak: EspeakSynthesizer) -> None:
    speech = spoken(TextToSpeech(espeak, InlineWorkers()), TEXT)
    written = [TEXT[word.text_start : word.text_end] for word in speech.words]
    assert " ".join(written) == "Hello there Dr. Smith It costs 5 5.50 5.50 see the list Are you sure"
    for word, after in zip(speech.words, speech.words[1:], strict=False):
        assert word.start <= word.end <= after.start
        assert word.text_start <= after.text_start
    for word in speech.words:
        assert rms(speech.audio[word.start : word.end]) > 300
    assert speech.words[-1].end <= len(speech.audio)


def test_every_engine_works_the_same_way(tmp_path: Path) -> None:
    speech = spoken(TextToSpeech(PiperSynthesizer(make_voice(tmp_path)), InlineWorkers()), TEXT)
    assert speech.rate_hz == 24_000
    written = [TEXT[word.text_start : word.text_end] for word in speech.words]
    assert written[:4] == ["Hello", "there", "Dr.", "Smith"]
    assert written[-3:] == ["Are", "you", "sure"]
    for word in speech.words:
        assert rms(speech.audio[word.start : word.end]) > 1500


def test_chunks_join_without_a_click(espeak: EspeakSynthesizer) -> None:
    text = "We all go home along the river and nobody knows where the road will lead them."
    speech = spoken(TextToSpeech(espeak, InlineWorkers()), text)
    edges = np.cumsum(speech.chunks)[:-1]
    assert len(edges) > 10
    inside = roughest_step(speech.audio)
    steps = [roughest_step(speech.audio[edge - 2 : edge + 2]) for edge in edges]
    assert max(steps) <= inside
    # The joints are no rougher than any other places: a click would stand out among them.
    anywhere = np.abs(np.diff(speech.audio.astype(int)))
    assert np.median(steps) < np.percentile(anywhere, 99)


def test_clauses_follow_each_other_without_a_click(espeak: EspeakSynthesizer) -> None:
    speech = TextToSpeech(espeak, InlineWorkers())
    splitter = ClauseSplitter()
    clauses = [*splitter.push("Good morning, my friend, I hope that you are well. "), *splitter.flush()]
    assert len(clauses) > 1
    for clause in clauses:
        audio = spoken(speech, clause).audio
        assert abs(int(audio[0])) < 100
        assert abs(int(audio[-1])) < 100


@pytest.mark.parametrize("text", ["", "  \n", "😀🎉", "\0", "[[", "...", "***", "---\n", "\ud800"])
def test_nothing_speakable_gives_no_chunks(espeak: EspeakSynthesizer, text: str) -> None:
    assert spoken(TextToSpeech(espeak, InlineWorkers()), text).chunks == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["x" * 10_000, "xyz" * 3333, "[[a" * 3000, "a\0" * 500, "ab😀" * 100, "𝒜" * 50], ids=lambda text: text[:4]
)
def test_hostile_text_gives_bounded_sound(espeak: EspeakSynthesizer, text: str) -> None:
    assert 0 < spoken(TextToSpeech(espeak, InlineWorkers()), text).seconds < 0.5 * len(text) + 60


def test_a_long_text_is_said_piece_by_piece_and_to_its_end(espeak: EspeakSynthesizer) -> None:
    text = "The sun was low, and the road was long. " * 60
    speech = spoken(TextToSpeech(espeak, InlineWorkers()), text)
    assert len(speech.words) == 9 * 60
    assert speech.words[-1].text_end == len(text) - 2
    assert speech.words[-1].end > len(speech.audio) - 24_000


def test_two_calls_share_the_workers_and_each_hears_its_own(espeak: EspeakSynthesizer) -> None:
    texts = {call: f"This is call {call}, and {'again ' * number}again." for number, call in enumerate("abcdef")}

    async def together(workers: Workers) -> list[Heard]:
        speech = TextToSpeech(espeak, workers)
        return await asyncio.gather(
            *(collected(speech, text, 24_000, VoiceStyle(), call) for call, text in texts.items())
        )

    several = asyncio.run(with_threads(together))
    assert isinstance(several, list)
    for text, one in zip(texts.values(), several, strict=True):
        assert len(one.words) == len(text.split())
        assert one.seconds == pytest.approx(spoken(TextToSpeech(espeak, InlineWorkers()), text).seconds, rel=0.02)


def test_closing_stops_the_engine() -> None:
    class Endless:
        """An engine that would speak for ever, and says when it was stopped."""

        name = "endless"
        stopped = asyncio.Event()

        def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
            try:
                while True:
                    yield SpeechChunk(np.zeros(2205, np.int16), 22_050)
            finally:
                self.loop.call_soon_threadsafe(self.stopped.set)

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self.loop = loop

    async def listen(workers: Workers) -> None:
        engine = Endless(asyncio.get_running_loop())
        async with aclosing(TextToSpeech(engine, workers).speak("Hello", VoiceStyle(), 24_000, "a")) as chunks:
            await anext(chunks)
            await anext(chunks)
        await engine.stopped.wait()

    asyncio.run(with_threads(listen))


def test_an_engines_error_reaches_the_listener(espeak: EspeakSynthesizer) -> None:
    async def listen(workers: Workers) -> None:
        style = VoiceStyle(names={"espeak": "nobody"})
        with pytest.raises(EngineUnavailable, match="nobody"):
            await collected(TextToSpeech(espeak, workers), "Hello", 24_000, style)

    asyncio.run(with_threads(listen))


def test_it_has_the_engines_name(espeak: EspeakSynthesizer) -> None:
    assert TextToSpeech(espeak, InlineWorkers()).name == "espeak"


class Counting:
    """eSpeak, and how often it was asked."""

    name = "espeak"

    def __init__(self) -> None:
        self.espeak = EspeakSynthesizer()
        self.asked: list[str] = []

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        self.asked.append(text)
        return self.espeak.synthesize(text, style, cancelled=cancelled)


GREETING = "Good morning! I am Dana, and I keep the records here. How can I help?"


def said(speech: TextToSpeech, text: str, style: VoiceStyle, rate_hz: int = 24_000) -> list[Heard]:
    splitter = ClauseSplitter()
    return [spoken(speech, clause, rate_hz, style) for clause in [*splitter.push(text), *splitter.flush()]]


def test_a_fixed_phrase_is_synthesized_once_for_each_style_and_rate() -> None:
    engine = Counting()
    speech = TextToSpeech(engine, InlineWorkers())
    speech.keep((GREETING, ""))
    plain, high = VoiceStyle(names={"espeak": "en-us"}), VoiceStyle(pitch=1.2)
    first = said(speech, GREETING, plain)
    asked = len(engine.asked)
    for again in (said(speech, GREETING, VoiceStyle(names={"espeak": "en-us"})) for _ in range(3)):
        for one, other in zip(first, again, strict=True):
            assert np.array_equal(one.audio, other.audio)
            assert one.words == other.words
    assert len(engine.asked) == asked
    said(speech, GREETING, high)
    said(speech, GREETING, plain, rate_hz=8_000)
    assert len(engine.asked) == 3 * asked


def test_other_text_and_text_half_heard_are_not_kept() -> None:
    engine = Counting()
    speech = TextToSpeech(engine, InlineWorkers())
    speech.keep((GREETING,))
    for _ in range(2):
        spoken(speech, "Something else.")
    assert len(engine.asked) == 2

    async def half() -> None:
        async with aclosing(speech.speak("How can I help?", VoiceStyle(), 24_000, "a")) as chunks:
            await anext(chunks)

    asyncio.run(half())
    whole = spoken(speech, "How can I help?")
    assert len(engine.asked) == 4
    assert whole.seconds > 0.8
    spoken(speech, "How can I help?")
    assert len(engine.asked) == 4


def test_what_is_kept_is_bounded() -> None:
    kept = PhraseCache()
    second = SpeechChunk(np.zeros(24_000, np.int16), 24_000)
    phrases = [f"phrase {number}" for number in range(2 * MOST_PHRASES)]
    kept.expect(phrases)
    assert not kept.expects(phrases[0])
    assert kept.expects(phrases[-1])
    for phrase in phrases:
        kept.keep(phrase, VoiceStyle(), 24_000, [second])
    found = [phrase for phrase in phrases if kept.find(phrase, VoiceStyle(), 24_000)]
    assert found == phrases[-MOST_SAMPLES // 24_000 :]
    kept.keep("endless", VoiceStyle(), 24_000, [second] * 301)
    assert kept.find("endless", VoiceStyle(), 24_000) is None
