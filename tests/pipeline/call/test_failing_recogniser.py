"""A recogniser that hangs or breaks in a call: what was understood is not lost, and the learner is told."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import Problem, ReplyEnded, UserMessage, UserPartial
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking.replies import APOLOGY
from tests.pipeline.scene import engines, opened, steadily
from tests.voice.sound import recording
from voice.audio.formats import Float32Mono16k
from voice.errors import EngineFailed
from voice.stt.base import Transcript
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)
from voice.work.workers import InlineWorkers

LINE = recording("slt/records-office/05")
SILENCE = np.zeros(16_000, np.int16)
WORDS = "i would like to tell you the whole story"


class Overtaxed:
    """A recogniser that breaks when it is given more than so many seconds."""

    name = "overtaxed"

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        if len(audio) > self._most_s * 16_000:
            raise EngineFailed("The recogniser broke; look at it.")
        return Transcript(WORDS)


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_hung_recogniser_is_given_up_and_apologised_for() -> None:
    async def story(store: Store) -> None:
        hung = engines(stt_workers=InlineWorkers(delay=lambda _: 3_600.0))
        async with opened(store, hung, settings=SessionSettings(transcript_s=8.0)) as scene:
            await scene.say(np.concatenate([LINE, SILENCE]))
            began = now()
            problem = await scene.until(Problem)
            assert now() - began < 8.0
            assert (problem.code, problem.fatal) == ("stt_failed", False)
            assert "say it again or type it" in problem.message
            assert (await scene.until(ReplyEnded)).text == APOLOGY
            assert not scene.of(UserMessage)

    played_out(story)


@pytest.mark.parametrize(
    ("story", "turn_s", "most_s", "is_kept"),
    [
        ("a short one is soon said again, and nothing is guessed", len(LINE) / 16_000, len(LINE) / 16_000, False),
        ("of a long one stands what was told", 20, 12, True),
    ],
)
def test_a_turn_whose_end_is_not_understood(story: str, turn_s: float, most_s: float, is_kept: bool) -> None:
    async def call(store: Store) -> None:
        async with opened(store, engines(transcriber=Overtaxed(most_s))) as scene:
            speech = np.tile(LINE, round(turn_s * 16_000 / len(LINE)))
            await scene.say(np.concatenate([speech, SILENCE]))
            ended = await scene.until(ReplyEnded)
            told = scene.of(UserPartial)[-1].text
            assert told.startswith(WORDS)
            assert {problem.code for problem in scene.of(Problem)} == {"engine_failed"}
            assert [said.text for said in scene.of(UserMessage)] == ([told] if is_kept else [])
            assert (ended.text == APOLOGY) is not is_kept

    played_out(call)
