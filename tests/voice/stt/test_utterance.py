"""Utterances: audio in, transcripts out, and every decoder given back."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from tests.voice.sound import recording
from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable
from voice.stt.base import Int16Mono16k
from voice.stt.openai import OpenAITranscriber
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.utterance import LONGEST, SpeechToText, Utterance
from voice.work.workers import InlineWorkers, Priority, ThreadWorkers, Workers

LAW = "the law protects the privacy of every student"


@pytest.fixture(scope="module")
def engine() -> PocketSphinx:
    return PocketSphinx(decoders=1)


def pushed(utterance: Utterance, audio: Int16Mono16k) -> None:
    for start in range(0, len(audio), 320):
        utterance.push(audio[start : start + 320])


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
def test_a_streamed_utterance_is_heard_and_asking_again_costs_nothing(
    engine: PocketSphinx, workers: Callable[[], Workers]
) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/records-office/05"))
            transcript = await utterance.transcript()
            assert transcript.text == LAW
            assert utterance.text_ready
            assert await utterance.transcript() is transcript
            assert await utterance.partial() == LAW
            np.testing.assert_array_equal(utterance.audio, recording("rms/records-office/05"))
        assert engine.lent == 0

    run(workers, story)


@EVERY_DRIVER
@pytest.mark.slow
def test_speech_that_resumes_is_one_utterance(engine: PocketSphinx, workers: Callable[[], Workers]) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/turns/07"))
            pushed(utterance, quiet(0.2))
            assert (await utterance.transcript()).text == "wait a minute"
            # The decoder is free between the pause and the resumption.
            assert engine.lent == 0
            utterance.resumed()
            pushed(utterance, quiet(0.2))
            assert not utterance.text_ready
            pushed(utterance, recording("rms/turns/13"))
            assert (await utterance.transcript()).text == "wait a minute can you repeat that please"

    run(workers, story)


def test_a_silence_after_the_transcript_does_not_borrow_a_decoder_again(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/turns/06"))
            await utterance.transcript()
            pushed(utterance, quiet(0.6))
            await asyncio.sleep(0)
            assert engine.lent == 0
            assert await utterance.partial() == "stop"
            pushed(utterance, quiet(0.6))
            await asyncio.sleep(0)
            assert engine.lent == 1

    run(InlineWorkers, story)


@pytest.mark.slow
def test_without_a_free_decoder_the_whole_is_transcribed(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        taken = engine.stream()
        assert taken is not None
        try:
            async with SpeechToText(engine, at_work).utterance("call") as utterance:
                pushed(utterance, recording("rms/turns/13"))
                assert (await utterance.transcript()).text == "can you repeat that please"
        finally:
            taken.close()

    run(ThreadWorkers, story)


def test_partials_come_while_the_speaker_speaks(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            audio = recording("rms/records-office/05")
            heard = []
            for start in range(0, len(audio), 3200):
                pushed(utterance, audio[start : start + 3200])
                await asyncio.sleep(0)
                heard.append(await utterance.partial())
            assert heard[0] == ""
            assert heard[-1].startswith("the law")

    run(InlineWorkers, story)


def test_closing_gives_the_decoder_back_whatever_is_under_way(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        for asks in (False, True):
            utterance = SpeechToText(engine, at_work).utterance("call")
            pushed(utterance, recording("rms/records-office/05"))
            asking = asyncio.ensure_future(utterance.transcript()) if asks else None
            await asyncio.sleep(0)
            utterance.close()
            utterance.close()
            if asking is not None:
                with pytest.raises(Cancelled):
                    await asking
            # The one thread of the workers has ended the closed utterance's job once it runs another.
            await at_work.run(lambda _: None, call="other", priority=Priority.PARTIAL)
            await asyncio.sleep(0)
            assert engine.lent == 0
            utterance.push(quiet(0.5))
            with pytest.raises(Cancelled, match="begin a new one"):
                await utterance.transcript()

    run(lambda: ThreadWorkers(1), story)


def test_a_cancelled_transcript_can_be_asked_for_again_and_leaks_nothing(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/records-office/05"))
            asking = asyncio.ensure_future(utterance.transcript())
            await asyncio.sleep(0)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await utterance.transcript()).text == LAW
        await at_work.run(lambda _: None, call="other", priority=Priority.PARTIAL)
        assert engine.lent == 0

    run(lambda: ThreadWorkers(1), story)


def test_busy_workers_lose_no_audio(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        running, gate = threading.Event(), threading.Event()
        at_gate = at_work.submit(lambda _: (running.set(), gate.wait()), call="other", priority=Priority.FINAL)
        await asyncio.to_thread(running.wait)
        other = at_work.submit(lambda _: None, call="other", priority=Priority.FINAL)
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/turns/13"))
            with pytest.raises(EngineBusy):
                await utterance.transcript()
            gate.set()
            await asyncio.gather(at_gate, other)
            assert (await utterance.transcript()).text == "can you repeat that please"

    run(lambda: ThreadWorkers(1, queue_limit=1), story)


def test_an_utterance_keeps_thirty_seconds(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        taken = engine.stream()
        assert taken is not None
        utterance = SpeechToText(engine, at_work).utterance("call")
        early = None
        for second in range(31):
            assert utterance.full == (second >= 30)
            utterance.push(np.full(16_000, second, np.int16))
            early = utterance.audio if early is None else early
        assert early is not None
        assert len(early) == 16_000
        assert len(utterance.audio) == LONGEST
        assert utterance.audio[-1] == 29
        utterance.close()
        taken.close()

    run(InlineWorkers, story)


def test_nothing_pushed_is_nothing_said(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            assert (await utterance.transcript()).text == ""
            assert await utterance.partial() == ""

    run(InlineWorkers, story)


def test_an_engine_that_cannot_stream_transcribes_whole_and_tells_when_it_fails() -> None:
    async def story(at_work: Workers) -> None:
        # Nothing listens on port 1.
        transcriber = OpenAITranscriber(base_url="http://127.0.0.1:1/v1", api_key="k", timeout_s=60)
        async with SpeechToText(transcriber, at_work).utterance("call") as utterance:
            pushed(utterance, quiet(0.2))
            with pytest.raises(EngineFailed, match="cannot be reached"):
                await utterance.transcript()
            with pytest.raises(EngineFailed):
                await utterance.partial()
        transcriber.close()

    run(ThreadWorkers, story)


def test_closed_workers_are_told_of(engine: PocketSphinx) -> None:
    async def story(at_work: Workers) -> None:
        async with SpeechToText(engine, at_work).utterance("call") as utterance:
            pushed(utterance, recording("rms/turns/06"))
            await at_work.close()
            with pytest.raises(EngineUnavailable):
                await utterance.transcript()
        assert engine.lent == 0

    run(ThreadWorkers, story)
