"""Turn-taking in whole calls, in virtual time: how long the silence was, and who was heard."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import (
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    SessionEvent,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.virtual_time import run_virtually
from pipeline.turn.machine import Rules
from tests.end_of_turn_models import energy_model
from tests.pipeline.scene import GREETING, Repeater, engines, opened, steadily
from tests.voice.sound import recording
from voice.audio.formats import Float32Mono16k
from voice.speech.end_of_turn_model import EndOfTurnDetector, EndOfTurnModel
from voice.stt.base import Transcript
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)
from voice.work.workers import InlineWorkers

LINE = recording("slt/records-office/05")
LEVEL = recording("slt/repair-desk/05")
"""A line in whose end the voice is neither up nor fallen."""
STATEMENT = "the law protects the privacy of every student"


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 16_000), np.int16)


def silence_after(
    words: str,
    model: Path | None = None,
    *,
    line: np.ndarray = LINE,
    listens: bool = False,
    model_takes_s: float = 0.0,
    words_take_s: float = 0.0,
) -> int:
    """After how much silence the turn ended, to the nearest 20 ms frame."""
    ending = None
    if listens or model is not None:
        found = EndOfTurnModel(model) if model else None
        ending = EndOfTurnDetector(found, InlineWorkers(delay=lambda _: model_takes_s))

    async def story(store: Store) -> int:
        workers = InlineWorkers(delay=lambda _: words_take_s)
        async with opened(store, engines(transcriber=Repeater(words), stt_workers=workers, ending=ending)) as scene:
            await scene.say(np.concatenate([quiet(0.5), line, quiet(2)]), message_ms=20)
            return (await scene.until(UserEnded)).silence_ms

    return int(steadily(story, run_virtually))


@pytest.mark.parametrize(
    ("words", "limit_ms"),
    [
        ("can you repeat that please", Rules().complete_ms),
        (STATEMENT, Rules().endpoint_ms),
        ("my number is", Rules().unfinished_ms),
    ],
)
def test_the_words_decide_how_long_the_silence_lasts(words: str, limit_ms: int) -> None:
    assert limit_ms <= silence_after(words) < limit_ms + 40


def test_late_words_decide_too() -> None:
    """They take longer than the usual silence: what they finish is answered at once, what they do not is waited for."""
    assert Rules().endpoint_ms + 100 < silence_after(STATEMENT, words_take_s=0.6) < Rules().endpoint_ms + 200
    unfinished_ms = Rules().unfinished_ms
    assert unfinished_ms <= silence_after("my number is", words_take_s=0.6) <= unfinished_ms + 40


@pytest.mark.parametrize(
    ("threshold", "words", "limit_ms"),
    [
        (100.0, STATEMENT, Rules().complete_ms),
        (-100.0, STATEMENT, Rules().unfinished_ms),
        (100.0, "my number is", Rules().unfinished_ms),
    ],
    ids=["it hears an end", "it hears more coming", "words that hang stay unfinished"],
)
def test_an_end_of_turn_model_is_heard(threshold: float, words: str, limit_ms: int, tmp_path: Path) -> None:
    model = energy_model(tmp_path / "turn.onnx", threshold=threshold)
    assert limit_ms <= silence_after(words, model, line=LEVEL) < limit_ms + 40


def test_a_voice_that_is_up_is_waited_for_and_the_model_is_not_asked(tmp_path: Path) -> None:
    model = energy_model(tmp_path / "turn.onnx", threshold=100.0)
    for asked in (None, model):
        limit_ms = (Rules().endpoint_ms + Rules().unfinished_ms) // 2
        assert limit_ms <= silence_after(STATEMENT, asked, listens=True) < limit_ms + 40
    assert silence_after(STATEMENT, listens=True, line=LEVEL) < Rules().endpoint_ms + 40


def test_a_model_that_is_late_leaves_the_words_alone(tmp_path: Path) -> None:
    model = energy_model(tmp_path / "turn.onnx", threshold=-100.0)
    waited = silence_after(STATEMENT, model, line=LEVEL, model_takes_s=30.0)
    assert Rules().endpoint_ms <= waited < Rules().unfinished_ms


def test_who_speaks_on_past_the_longest_turn_is_heard_anew() -> None:
    async def story(store: Store) -> tuple[list[UserStarted], list[UserEnded], list[UserMessage]]:
        settings = SessionSettings(rules=Rules(max_turn_ms=3000))
        async with opened(store, engines(), settings=settings) as scene:
            await scene.say(np.concatenate([quiet(0.5), *[LINE] * 5, quiet(2)]), message_ms=20)
            return scene.of(UserStarted), scene.of(UserEnded), scene.of(UserMessage)

    started, ended, messages = steadily(story, run_virtually)
    assert ended[0].reason == "limit"
    assert len({event.turn for event in started}) >= 2
    assert len({message.message_id for message in messages}) >= 2


def test_hanging_up_while_speaking_over_a_reply_ends_it_there() -> None:
    async def story(store: Store) -> list[ReplyEnded]:
        async with opened(store, engines(transcriber=Repeater("tell me more about that please"))) as scene:
            await scene.say(np.concatenate([quiet(0.5), LINE, quiet(0.7)]), message_ms=20)
            await scene.until(ReplyBegan)
            await scene.say(LINE[:4000], message_ms=20)
            scene.call.session.hang_up()
            await scene.call.session.finished()
            return scene.of(ReplyEnded)

    ends = steadily(story, run_virtually)
    assert ends[0].interrupted
    assert len(ends[0].heard) < len(ends[0].text)


class SecondThoughts(Repeater):
    """Hears words in the beginning of an utterance, and none when it has heard more of it."""

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        return Transcript("please wait" if len(audio) < 16_000 else "")


def test_a_reply_that_words_stopped_goes_on_where_it_was_heard_when_they_are_taken_back() -> None:
    async def story(store: Store) -> list[SessionEvent]:
        async with opened(store, engines(transcriber=SecondThoughts())) as scene:
            scene.call.session.greet()
            await scene.until(ReplyAudio)
            await scene.say(np.concatenate([quiet(0.5), LINE[:20_000], quiet(5)]), message_ms=20)
            await scene.until(ReplyEnded)
            return scene.events

    events = steadily(story, run_virtually)
    kinds = [type(event) for event in events]
    assert UserPartial in kinds, "words were heard at first"
    assert UserMessage not in kinds
    (cleared,) = [event for event in events if isinstance(event, ReplyCleared)]
    following = next(event for event in events[events.index(cleared) :] if isinstance(event, ReplyAudio))
    assert following.at_ms == pytest.approx(cleared.heard_ms, abs=1)
    (ended,) = [event for event in events if isinstance(event, ReplyEnded)]
    assert (ended.heard, ended.interrupted) == (GREETING, False)
    assert cleared.heard
    assert GREETING.startswith(cleared.heard)
    assert cleared.heard != GREETING


@dataclass
class Remembers:
    """A responder that keeps what its replies were made from."""

    histories: list[list[str]] = field(default_factory=list)
    name: str = "remembers"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        self.histories.append([line.text for line in context.history])
        yield "I see."


def test_what_is_typed_in_a_pause_is_known_to_the_reply_though_one_was_ready_for_the_same_words() -> None:
    responder = Remembers()

    async def story(store: Store) -> None:
        async with opened(store, engines(transcriber=Repeater(STATEMENT), responder=responder)) as scene:
            await scene.say(np.concatenate([quiet(0.5), LINE]), message_ms=20)
            while not responder.histories:
                await scene.say(quiet(0.02), message_ms=20)
            await scene.say(quiet(0.06), message_ms=20)
            scene.call.session.type_text("Order 4711.")
            await scene.say(quiet(1), message_ms=20)
            await scene.until(ReplyEnded)

    steadily(story, run_virtually)
    assert responder.histories == [[STATEMENT], ["Order 4711.", STATEMENT]]
