"""Callers who dictate, in whole calls in virtual time: three voices, real pauses, and transcripts of what was said."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import ReplyEnded, UserEnded, UserMessage
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.sounds import spoken
from pipeline.replay.virtual_time import run_virtually
from tests.pipeline.number_stories import NumberStory, stories
from tests.pipeline.scene import engines, opened, steadily
from voice.audio.formats import Float32Mono16k
from voice.stt.base import Transcript
from voice.work.cancellation import Cancelled, never_cancelled

VOICES = {"ann": "en-us", "ben": "en-gb", "cat": "en-us+f3"}
STORIES = [story for story in stories("unseen/dictated.yaml") if story.asked and min(story.pauses_ms) >= 500]


@dataclass
class Follows:
    """A recogniser that knows what was said, and for how long each part of it had lasted when its pause came."""

    hears: tuple[str, ...]
    ends_s: list[float]
    name: str = "follows"

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """The words of all parts that have ended, within what the detector may have left off at the beginning."""
        told = sum(end <= len(audio) / 16_000 + 0.1 for end in self.ends_s)
        return Transcript(self.hears[told - 1] if told else "")


@dataclass
class Asks:
    """A persona that asks, and then says thanks."""

    question: str
    name: str = "asks"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """The question first."""
        yield "Thank you." if context.history else self.question


def said_aloud(story: NumberStory) -> tuple[np.ndarray, list[float]]:
    """The story's audio, and where each part of it ends, in seconds from its first sound."""
    parts: list[np.ndarray] = []
    ends_s: list[float] = []
    for number, words in enumerate(story.says):
        parts.append(trimmed(spoken(words, VOICES[story.speaker])))
        ends_s.append(sum(map(len, parts)) / 16_000)
        if number < len(story.pauses_ms):
            parts.append(np.zeros(story.pauses_ms[number] * 16, np.int16))
    return np.concatenate(parts), ends_s


def trimmed(audio: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > 300)
    return audio[loud[0] : loud[-1] + 1]


def in_a_call(story: NumberStory) -> tuple[list[str], list[int]]:
    """The messages that came of it, and the silence after which each turn ended."""
    audio, ends_s = said_aloud(story)

    async def call(store: Store) -> tuple[list[str], list[int]]:
        chosen = engines(transcriber=Follows(story.hears, ends_s), responder=Asks(story.asked))
        async with opened(store, chosen, settings=SessionSettings(partial_every_ms=0)) as scene:
            scene.call.session.greet()
            await scene.until(ReplyEnded)
            quiet = np.zeros(40_000, np.int16)
            await scene.say(np.concatenate([quiet[:8000], audio, quiet]), message_ms=20)
            await scene.until(ReplyEnded)
            messages = [message.text for message in scene.of(UserMessage)]
            return messages, [ended.silence_ms for ended in scene.of(UserEnded)]

    messages, silences_ms = steadily(call, run_virtually)
    return messages, silences_ms


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_caller_who_dictates_the_answer_is_heard_out(story: NumberStory) -> None:
    messages, silences_ms = in_a_call(story)
    assert messages == [story.hears[-1]]
    assert len(silences_ms) == 1


def test_the_persona_s_question_tells_when_a_number_is_whole() -> None:
    four = NumberStory("four digits", "ben", "", ("one nine", "two seven"), (700,), ("1 9", "1 9 2 7"))
    asked = replace(four, asked="What are the last four digits of your card?")
    # After a pause of 700 ms the usual silence of a whole answer grows to 560: more may come at that pace.
    assert in_a_call(asked) == (["1 9 2 7"], [pytest.approx(560, abs=40)])
    unknown = replace(four, asked="What is your booking reference?")
    assert in_a_call(unknown) == (["1 9 2 7"], [pytest.approx(1400, abs=40)])
