"""Segments: audio in, transcripts out, and every decoder given back."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from tests.voice.sound import recording
from voice.audio.formats import Float32Mono16k, Int16Mono16k
from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable
from voice.stt.base import Transcript
from voice.stt.fixed import WORDS, FixedTranscriber
from voice.stt.openai import OpenAITranscriber
from voice.stt.segment import LONGEST, Segment
from voice.stt.speech_to_text import SpeechToText
from voice.stt.sphinx.engine import PocketSphinx
from voice.work.workers import InlineWorkers, Priority, ThreadWorkers, Workers

LAW = "the law protects the privacy of every student"


@pytest.fixture(scope="module")
def engine() -> PocketSphinx:
    return PocketSphinx(decoders=1)


def pushed(segment: Segment, audio: Int16Mono16k) -> None:
    for start in range(0, len(audio), 320):
        segment.push(audio[start : start + 320])


def quiet(seconds: float) -> Int16Mono16k:
    return np.random.default_rng(1).normal(0, 4, int(seconds * 16_000)).astype(np.int16)


def run(workers: Callable[[], Workers], story: Callable[[Workers], Awaitable[None]]) -> None:
    async def main() -> None:
        at_work = workers()
        try:
            await asyncio.wait_for(story(at_work), 100)
        finally:
            await at_work.close()

    asyncio.run(main())


EVERY_DRIVER = pytest.mark.parametrize("workers", [ThreadWorkers, InlineWorkers])


@EVERY_DRIVER
def test_a_streamed_segment_is_heard_and_asking_again_costs_nothing(
    engine: PocketSphinx, workers: Callable[[], Workers]
) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/records-office/05"))
            transcript = await segment.transcript()
            assert transcript.text == LAW
            assert segment.text_ready
            assert await segment.transcript() is transcript
            assert (await segment.partial()).text == LAW
            np.testing.assert_array_equal(segment.audio, recording("rms/records-office/05"))
        assert engine.lent == 0

    run(workers, story)


@EVERY_DRIVER
@pytest.mark.slow
def test_speech_that_resumes_is_one_segment(engine: PocketSphinx, workers: Callable[[], Workers]) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/turns/07"))
            pushed(segment, quiet(0.2))
            assert (await segment.transcript()).text == "wait a minute"
            # The decoder is free between the pause and the resumption.
            assert engine.lent == 0
            segment.resumed()
            pushed(segment, quiet(0.2))
            assert not segment.text_ready
            pushed(segment, recording("rms/turns/13"))
            assert (await segment.transcript()).text == "wait a minute can you repeat that please"

    run(workers, story)


def test_a_silence_after_the_transcript_does_not_borrow_a_decoder_again(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/turns/06"))
            await segment.transcript()
            pushed(segment, quiet(0.6))
            await asyncio.sleep(0)
            assert engine.lent == 0
            assert (await segment.partial()).text == "stop"
            pushed(segment, quiet(0.6))
            await asyncio.sleep(0)
            assert engine.lent == 1

    run(InlineWorkers, story)


@pytest.mark.slow
def test_without_a_free_decoder_the_whole_is_transcribed(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        taken = engine.stream()
        assert taken is not None
        try:
            async with SpeechToText(engine, at_work).segment("call") as segment:
                pushed(segment, recording("rms/turns/13"))
                assert (await segment.transcript()).text == "can you repeat that please"
        finally:
            taken.close()

    run(ThreadWorkers, story)


def test_partials_come_while_the_speaker_speaks(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            audio = recording("rms/records-office/05")
            heard = []
            for start in range(0, len(audio), 3200):
                pushed(segment, audio[start : start + 3200])
                await asyncio.sleep(0)
                heard.append((await segment.partial()).text)
            assert heard[0] == ""
            assert heard[-1].startswith("the law")

    run(InlineWorkers, story)


def test_closing_gives_the_decoder_back_whatever_is_under_way(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        for asks in (False, True):
            segment = SpeechToText(engine, at_work).segment("call")
            pushed(segment, recording("rms/records-office/05"))
            asking = asyncio.ensure_future(segment.transcript()) if asks else None
            await asyncio.sleep(0)
            segment.close()
            segment.close()
            if asking is not None:
                with pytest.raises(Cancelled):
                    await asking
            # The one thread of the workers has ended the closed segment's job once it runs another.
            await at_work.run(lambda _: None, call="other", priority=Priority.PARTIAL)
            await asyncio.sleep(0)
            assert engine.lent == 0
            segment.push(quiet(0.5))
            with pytest.raises(Cancelled, match="begin a new one"):
                await segment.transcript()

    run(lambda: ThreadWorkers(1), story)


def test_a_cancelled_transcript_can_be_asked_for_again_and_leaks_nothing(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/records-office/05"))
            asking = asyncio.ensure_future(segment.transcript())
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await segment.transcript()).text == LAW
        await at_work.run(lambda _: None, call="other", priority=Priority.PARTIAL)
        assert engine.lent == 0

    run(lambda: ThreadWorkers(1), story)


def test_busy_workers_lose_no_audio(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        running, gate = threading.Event(), threading.Event()
        at_gate = at_work.submit(lambda _: (running.set(), gate.wait()), call="other", priority=Priority.FINAL)
        await asyncio.to_thread(running.wait)
        other = at_work.submit(lambda _: None, call="other", priority=Priority.FINAL)
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/turns/13"))
            with pytest.raises(EngineBusy):
                await segment.transcript()
            gate.set()
            await asyncio.gather(at_gate, other)
            assert (await segment.transcript()).text == "can you repeat that please"

    run(lambda: ThreadWorkers(1, queue_limit=1), story)


def test_a_segment_keeps_thirty_seconds(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        taken = engine.stream()
        assert taken is not None
        segment = SpeechToText(engine, at_work).segment("call")
        early = None
        for second in range(31):
            assert segment.full == (second >= 30)
            segment.push(np.full(16_000, second, np.int16))
            early = segment.audio if early is None else early
        assert early is not None
        assert len(early) == 16_000
        assert len(segment.audio) == LONGEST
        assert segment.audio[-1] == 29
        segment.close()
        taken.close()

    run(InlineWorkers, story)


def test_nothing_pushed_is_nothing_said(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            assert (await segment.transcript()).text == ""
            assert (await segment.partial()).text == ""

    run(InlineWorkers, story)


def test_an_engine_that_cannot_stream_transcribes_whole_and_tells_when_it_fails() -> None:
    async def story(at_work: Workers) -> None:
        # Nothing listens on port 1.
        transcriber = OpenAITranscriber(base_url="http://127.0.0.1:1/v1", api_key="k", timeout_s=60)
        async with SpeechToText(transcriber, at_work).segment("call") as segment:
            pushed(segment, quiet(0.2))
            with pytest.raises(EngineFailed, match="cannot be reached"):
                await segment.transcript()
            with pytest.raises(EngineFailed):
                await segment.partial()
        transcriber.close()

    run(ThreadWorkers, story)


def test_closed_workers_are_told_of(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).segment("call") as segment:
            pushed(segment, recording("rms/turns/06"))
            await at_work.close()
            with pytest.raises(EngineUnavailable):
                await segment.transcript()
        assert engine.lent == 0

    run(ThreadWorkers, story)


class Sketches(FixedTranscriber):
    """A recogniser whose sketches are other words, until they have to give way."""

    gives_way = False

    def sketch(self, audio: Float32Mono16k, *, cancelled: Callable[[], bool]) -> Transcript:
        """Words of a sketch."""
        if self.gives_way:
            raise Cancelled("A transcript goes first.")
        return Transcript("a sketch")


def test_partials_are_sketches_where_the_engine_has_them() -> None:
    async def story(at_work: Workers) -> None:
        engine = Sketches()
        async with SpeechToText(engine, at_work).segment("call") as segment:
            segment.push(quiet(0.2))
            assert (await segment.partial()).text == "a sketch"
            assert (await segment.transcript()).text == WORDS
            assert (await segment.partial()).text == WORDS
            segment.push(quiet(0.2))
            engine.gives_way = True
            with pytest.raises(Cancelled):
                await segment.partial()
            assert not segment.streams

    run(InlineWorkers, story)
