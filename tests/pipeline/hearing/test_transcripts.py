"""Looks ahead of a pause: one transcript instead of two, never an old one, and no partial in the way."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest

from pipeline.conversation.events import SessionEvent, UserPartial
from pipeline.conversation.waterfall import Stamps, Waterfall
from pipeline.hearing.pace import HearingPace
from pipeline.hearing.transcripts import Transcripts
from pipeline.hearing.utterance import SEGMENT_MS, Utterance
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.slots import Slots
from pipeline.turn.events import Event, Transcribed
from voice.audio.formats import FRAME, Float32Mono16k
from voice.errors import EngineFailed
from voice.stt.base import Transcript
from voice.stt.speech_to_text import SpeechToText
from voice.work.cancellation import Cancelled, never_cancelled
from voice.work.workers import InlineWorkers, Pressure

COST_S = 0.3
EAGER_MS = 180


class Counts:
    """A recogniser whose words are the length of what it was given in ms, and which fails at some of its turns."""

    name = "counts"

    def __init__(self, *failing: int) -> None:
        self.heard_ms: list[int] = []
        self._failing = failing
        self._number = count(1)

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """The length."""
        self.heard_ms.append(len(audio) // 16)
        if next(self._number) in self._failing:
            raise EngineFailed("The recogniser broke; look at it.")
        return Transcript(f"{len(audio) // 16}")


class Crowded(InlineWorkers):
    """Workers with as much to do as a test says."""

    crowd = Pressure()

    def pressure(self) -> Pressure:
        return self.crowd


@dataclass
class Listening:
    """Transcripts of a learner, frame by frame in virtual time."""

    slots: Slots
    engine: Counts = field(default_factory=Counts)
    every_ms: int = 0
    cost_s: float = COST_S
    known_s: float | None = COST_S
    told: list[SessionEvent] = field(default_factory=list)
    fed: list[tuple[int, Event]] = field(default_factory=list)
    now: int = 0
    last_sound: int = 0
    paused: bool = False
    over_replies: bool = False
    over_reply: bool = False

    def __post_init__(self) -> None:
        self.pace = HearingPace(
            every=self.every_ms * 16, eager=EAGER_MS * 16, soonest=350 * 16, over_replies=self.over_replies
        )
        if self.known_s is not None:
            self.pace.transcript_took(self.known_s)
        self.waterfall = Waterfall()
        self.workers = Crowded(delay=lambda _: self.cost_s)
        stt = SpeechToText(self.engine, self.workers)
        self.transcripts = Transcripts(
            Utterance(stt, "call"),
            None,
            "call",
            slots=self.slots,
            clock=LoopClock(),
            waterfall=self.waterfall,
            pace=self.pace,
            transcript_s=15,
            spoken=lambda: "",
            emit=self.told.append,
            feed=lambda event: self.fed.append((self.now // 16, event)),
        )
        self.transcripts.open(0, 0)

    async def hear(self, ms: int, *, speech: bool) -> None:
        """Take so much sound or silence, in which the learner may pause."""
        for _ in range(ms // 20):
            await asyncio.sleep(0.02)
            self.now += FRAME
            if speech:
                self.last_sound = self.now
            self.transcripts.hear(np.zeros(FRAME, np.int16), self.last_sound, utterance_open=True)
            if not self.paused:
                self.transcripts.follow(1, self.now, over_reply=self.over_reply)

    async def pause(self, then_ms: int = 500) -> None:
        """Have the machine see a pause, and the learner be quiet on."""
        self.paused = True
        self.transcripts.ask(1, turn_is_over=False)
        await self.hear(then_ms, speech=False)

    @property
    def transcribed(self) -> list[tuple[int, str]]:
        """When each transcript was fed to the machine, in ms, and its words."""
        return [(at_ms, event.text) for at_ms, event in self.fed if isinstance(event, Transcribed)]


def played(story: Callable[[Slots], Awaitable[None]]) -> None:
    async def call() -> None:
        async with asyncio.timeout(1000), Slots() as slots:
            await story(slots)

    run_virtually(call())


def test_the_look_is_the_transcript_and_comes_earlier() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots)
        await heard.hear(1000, speech=True)
        await heard.hear(EAGER_MS, speech=False)
        await heard.pause()
        assert heard.engine.heard_ms == [1060]
        assert heard.transcribed == [(pytest.approx(1360, abs=20), "1060")]
        heard.waterfall.turn_ended(answered=True)
        latency = heard.waterfall.replied(1, Stamps(), 0)
        assert latency is not None
        assert latency.stt_ms == 300

    played(story)


@pytest.mark.parametrize("known_s", [None, 0.0, 0.1])
def test_where_a_transcript_is_cheap_or_its_cost_unknown_the_pause_asks_for_it(known_s: float | None) -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, known_s=known_s)
        await heard.hear(1000, speech=True)
        await heard.hear(EAGER_MS, speech=False)
        await heard.pause()
        assert heard.engine.heard_ms == [1180]

    played(story)


def test_a_sound_after_the_look_makes_it_old() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots)
        await heard.hear(1000, speech=True)
        await heard.hear(100, speech=False)
        await heard.hear(60, speech=True)
        await heard.hear(40, speech=False)
        await heard.pause()
        assert heard.engine.heard_ms[0] == 1060
        assert heard.engine.heard_ms[1] == 1200
        assert [words for _, words in heard.transcribed] == ["1200"]

    played(story)


def test_a_look_whose_silence_was_none_is_a_partial() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots)
        for _ in range(2):
            await heard.hear(500, speech=True)
            await heard.hear(100, speech=False)
        await heard.hear(500, speech=True)
        assert heard.engine.heard_ms == [560, 1160]
        assert [event for _, event in heard.fed if isinstance(event, Transcribed)] == []
        assert len(heard.fed) == 2

    played(story)


def test_no_partial_begins_where_a_look_may_follow_and_one_in_flight_is_given_up() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, every_ms=600)
        await heard.hear(620, speech=True)
        assert heard.engine.heard_ms == [600]
        await heard.hear(EAGER_MS, speech=False)
        await heard.pause()
        assert heard.engine.heard_ms == [600, 680]
        assert [words for _, words in heard.transcribed] == ["680"]
        assert "600" not in [event.text for event in heard.told if isinstance(event, UserPartial)]
        assert not any(getattr(event, "text", "") == "600" for _, event in heard.fed)

    played(story)


def test_partials_come_as_seldom_as_they_are_dear() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, every_ms=300, known_s=None)
        await heard.hear(3000, speech=True)
        assert heard.engine.heard_ms == [300, 900, 1500, 2100, 2700]

    played(story)


def test_partials_that_nobody_reads_come_only_over_a_reply() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, every_ms=300, known_s=None, over_replies=True)
        await heard.hear(1000, speech=True)
        assert not heard.engine.heard_ms
        heard.over_reply = True
        await heard.hear(1000, speech=True)
        assert heard.engine.heard_ms == [1020, 1620]

    played(story)


def test_a_failed_look_is_asked_again() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, Counts(1))
        await heard.hear(1000, speech=True)
        await heard.hear(EAGER_MS, speech=False)
        await heard.pause(700)
        assert heard.engine.heard_ms == [1060, 1360]
        assert [words for _, words in heard.transcribed] == ["1360"]
        assert heard.told == []

    played(story)


def test_a_long_utterance_is_settled_at_its_pause_and_not_looked_at() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots)
        await heard.hear(SEGMENT_MS, speech=True)
        await heard.hear(EAGER_MS, speech=False)
        await heard.pause()
        assert heard.engine.heard_ms == [SEGMENT_MS + EAGER_MS]

    played(story)


def test_a_call_that_ends_takes_its_look_with_it() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots)
        await heard.hear(1000, speech=True)
        await heard.hear(80, speech=False)
        heard.transcripts.close()
        assert not slots.running("look")

    played(story)


def test_partials_wait_for_the_transcripts_of_others() -> None:
    async def story(slots: Slots) -> None:
        heard = Listening(slots, every_ms=300, cost_s=0.02, known_s=None)
        heard.workers.crowd = Pressure(1.0, final_waits_s=0.2)
        await heard.hear(1000, speech=True)
        assert heard.engine.heard_ms == []
        heard.workers.crowd = Pressure(1.0)
        await heard.hear(1000, speech=True)
        assert len(heard.engine.heard_ms) >= 3

    played(story)
