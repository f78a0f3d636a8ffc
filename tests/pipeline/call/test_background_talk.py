"""People who talk in the background of a call: what they say is no message of the caller's."""

import asyncio

import numpy as np
import pytest

from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import (
    ReplyAudio,
    ReplyCleared,
    ReplyEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from pipeline.replay.virtual_time import run_virtually
from tests.neural import people
from tests.pipeline.scene import engines, opened, steadily
from tests.voice.people import babble, level_of, spaced
from tests.voice.sound import recording, recordings
from voice.audio.formats import Float32Mono16k, Int16Mono, float32_of, int16_of
from voice.stt.base import Transcript
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import WordErrors, word_errors
from voice.work.cancellation import Cancelled, never_cancelled

VOICES = [float32_of(recording(name)) for name in recordings("clinic", "turns")]
LINES = [float32_of(recording(f"slt/records-office/0{number}")) for number in (1, 5)]

LONG = (
    "The law protects the privacy of every student. That is why nobody can tell you more than this over the telephone. "
    "Is there anything else that I can do for you today? If there is not, then I wish you a pleasant afternoon."
)


def messages_of(transcriber: FasterWhisper, audio: Int16Mono) -> list[str]:
    """The messages that a call makes of its caller's audio."""
    heard: list[str] = []

    async def story(store: Store) -> None:
        chosen, settings = engines(transcriber=transcriber), SessionSettings(partial_every_ms=900, text_only=True)
        async with opened(store, chosen, settings=settings) as scene:
            await scene.say(audio, message_ms=1000)
            await asyncio.sleep(2)
            heard.extend(message.text for message in scene.of(UserMessage))

    steadily(story, run_virtually)
    return heard


class Confident:
    """A recogniser that makes words of everything, and says how sure it is of them."""

    name = "confident"

    def __init__(self, confidence: float | None) -> None:
        self.confidence = confidence

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """Some words, whatever was said."""
        return Transcript("there are two of them", confidence=self.confidence)


def messages(audio: np.ndarray, confidence: float | None) -> tuple[int, int, int]:
    """How often the caller was taken to speak, with partials and with messages, in a call of this audio."""
    counts = (0, 0, 0)

    async def story(store: Store) -> None:
        nonlocal counts
        async with opened(store, engines(transcriber=Confident(confidence))) as scene:
            await scene.say(int16_of(audio), message_ms=1000)
            await asyncio.sleep(2)
            counts = (len(scene.of(UserStarted)), len(scene.of(UserPartial)), len(scene.of(UserMessage)))

    steadily(story, run_virtually)
    return counts


@pytest.mark.parametrize("snr_db", [20, 10])
def test_a_caller_over_babble_is_heard_and_the_babble_is_not(snr_db: float) -> None:
    lines = spaced(LINES, pause_s=2)
    level = float(np.median([level_of(line) for line in LINES])) * 10 ** (-snr_db / 20)
    audio = lines + babble(VOICES, len(lines) / 16_000, level=level)
    assert messages(audio, 0.4)[2] == len(LINES)


def test_babble_alone_is_no_message_where_the_words_are_unsure() -> None:
    audio = babble(VOICES, 15, level=0.1)
    started, partials, stored = messages(audio, 0.3)
    assert started >= 1, "it is speech to the detector"
    assert (partials, stored) == (0, 0)


@pytest.mark.parametrize("confidence", [0.9, None], ids=["sure", "an engine that does not say"])
def test_sure_words_count_at_any_level(confidence: float | None) -> None:
    level = 1.5 * level_of(LINES[0])
    audio = spaced(LINES[:1], pause_s=2)
    assert messages(audio + babble(VOICES, len(audio) / 16_000, level=level), confidence)[2] >= 1


def longest_gap_s(audio: np.ndarray, before_s: int) -> tuple[float, int]:
    """The longest gap in the audio of a reply over this audio, in seconds, and how often the reply was cut or dropped.

    So many seconds of the audio come before it.
    """
    sent: list[float] = []
    stopped: list[object] = []
    before = before_s * 16_000

    async def story(store: Store) -> None:
        chosen, settings = engines(transcriber=Confident(0.3)), SessionSettings(greeting=LONG)
        async with opened(store, chosen, settings=settings) as scene:
            await scene.say(audio[:before], message_ms=20)
            loop = asyncio.get_running_loop()
            scene.call.session.subscribe(
                lambda event: sent.append(loop.time()) if isinstance(event, ReplyAudio) else None
            )
            scene.call.session.greet()
            await scene.say(audio[before:], message_ms=20)
            stopped.extend(scene.of(ReplyCleared))
            stopped.extend(ended for ended in scene.of(ReplyEnded) if ended.interrupted)

    steadily(story, run_virtually)
    return float(np.diff(sent).max()), len(stopped)


@pytest.mark.slow
def test_babble_does_not_stop_a_reply() -> None:
    for seed in (2, 5):
        gap_s, stopped = longest_gap_s(int16_of(babble(VOICES, 14, level=0.05, seed=seed)), 0)
        assert stopped == 0
        assert gap_s <= 0.7


@pytest.mark.slow
def test_a_caller_over_babble_stops_a_reply() -> None:
    audio = babble(VOICES, 14, level=level_of(LINES[0]) * 10 ** (-10 / 20))
    audio[8 * 16_000 :][: len(LINES[0])] += LINES[0]
    assert longest_gap_s(int16_of(audio), 4)[1] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("snr_db", [20, 10])
def test_people_over_babble_are_heard_by_real_weights_and_the_babble_is_not(
    whisper_base: FasterWhisper, snr_db: float
) -> None:
    prompts = people("prompts")
    callers, others = prompts[:3], [prompt.audio for prompt in prompts[3:]]
    lines = spaced([caller.audio for caller in callers], pause_s=3)
    level = float(np.median([level_of(caller.audio) for caller in callers])) * 10 ** (-snr_db / 20)
    heard = messages_of(whisper_base, int16_of(lines + babble(others, len(lines) / 16_000, level=level)))
    assert len(heard) == len(callers), heard
    errors = (word_errors(caller.text, text) for caller, text in zip(callers, heard, strict=True))
    assert sum(errors, WordErrors()).rate <= 0.2


@pytest.mark.long
def test_ten_minutes_of_babble_are_no_storm_of_messages(whisper_base: FasterWhisper) -> None:
    prompts = people("prompts")
    callers, others = prompts[:4], [prompt.audio for prompt in prompts[4:]]
    lines = spaced([caller.audio for caller in callers], pause_s=117)
    level = float(np.median([level_of(caller.audio) for caller in callers])) * 10 ** (-10 / 20)
    heard = messages_of(whisper_base, int16_of(lines + babble(others, len(lines) / 16_000, level=level)))
    assert len(lines) >= 590 * 16_000
    assert len(callers) <= len(heard) <= len(callers) + 2, heard
