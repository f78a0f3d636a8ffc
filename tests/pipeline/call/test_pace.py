"""How long an engine takes for a second of speech, by the clock that is given."""

import asyncio

from pipeline.call.pace import SPOKEN, hearing_pace, speaking_pace
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import Repeater
from voice.stt.speech_to_text import SpeechToText
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers


class Slowly(InlineWorkers):
    """Workers with which everything takes three seconds longer."""

    async def run(self, *arguments, **named):
        await asyncio.sleep(3)
        return await super().run(*arguments, **named)

    async def iterate(self, *arguments, **named):
        await asyncio.sleep(3)
        async for item in super().iterate(*arguments, **named):
            yield item


def test_the_time_that_an_engine_takes_is_told_for_a_second_of_speech() -> None:
    repeater = Repeater()

    async def story() -> tuple[float, float]:
        clock = LoopClock()
        heard = await hearing_pace(SpeechToText(repeater, Slowly()), clock)
        return heard, await speaking_pace(TextToSpeech(EspeakSynthesizer(), Slowly()), clock)

    hearing, speaking = run_virtually(story())
    assert abs(hearing - 3 / repeater.seconds[0]) < 0.05, "the whole recording is heard at once"
    assert 0.3 < speaking < 1.5, SPOKEN
