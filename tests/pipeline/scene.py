"""A call in virtual time: the real session, store and engines, and a learner whose seconds take none."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.records.core import Persona, Practice, Scenario, Simulation
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.registry import (
    CallLimits,
    Calls,
)
from pipeline.call.session import Engines, SessionSettings
from pipeline.conversation.events import SessionEvent
from pipeline.llm.scripted import ScriptedResponder
from pipeline.replay.steady_store import SteadyStore
from pipeline.tasks.clock import LoopClock
from tests.stores import database
from voice.audio.formats import AudioFormat, Float32Mono16k
from voice.stt.base import Transcript
from voice.stt.speech_to_text import SpeechToText
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.synthesis import TextToSpeech
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)
from voice.work.workers import InlineWorkers

Event = TypeVar("Event", bound=SessionEvent)

GREETING = "Good morning, and welcome. What may I do for you on this fine day?"
USER = "ada"


class Repeater:
    """A recogniser that hears the same words in everything, and keeps how much it was given."""

    name = "repeater"

    def __init__(self, words: str = "can you repeat that please") -> None:
        self.words = words
        self.seconds: list[float] = []

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """The words, whatever was said."""
        self.seconds.append(len(audio) / 16_000)
        return Transcript(self.words)


def engines(**chosen: Any) -> Engines:
    """The scripted persona with eSpeak's voice, heard by a `Repeater`; or others, where they are given."""
    stt = SpeechToText(
        chosen.pop("transcriber", None) or Repeater(), chosen.pop("stt_workers", None) or InlineWorkers()
    )
    tts = TextToSpeech(EspeakSynthesizer(), chosen.pop("tts_workers", None) or InlineWorkers())
    return Engines(**{"stt": stt, "responder": ScriptedResponder(), "tts": tts, **chosen})


@dataclass
class Scene:
    """An open call and all that it told."""

    calls: Calls
    call: Call
    store: Store
    events: list[SessionEvent] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _next: int = 0

    def heard(self, event: SessionEvent) -> None:
        """A listener of the session."""
        self.events.append(event)
        self._news.set()

    async def until(self, kind: type[Event], **wanted: Any) -> Event:
        """The next event of this kind with these attributes."""
        while True:
            while self._next < len(self.events):
                event = self.events[self._next]
                self._next += 1
                if isinstance(event, kind) and all(getattr(event, name) == value for name, value in wanted.items()):
                    return event
            self._news.clear()
            await self._news.wait()

    def of(self, kind: type[Event]) -> list[Event]:
        """All events of this kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def say(self, audio: NDArray[np.int16], message_ms: int = 100) -> None:
        """Speak in real time, in messages of this length, each sent when it has been spoken."""
        size = message_ms * 16
        for start in range(0, len(audio), size):
            part = audio[start : start + size]
            await asyncio.sleep(len(part) / 16_000)
            await self.call.hear(part.astype("<i2").tobytes())


@asynccontextmanager
async def opened(
    store: Store,
    chosen: Engines | None = None,
    *,
    settings: SessionSettings | None = None,
    limits: CallLimits | None = None,
    wire: AudioFormat | None = None,
) -> AsyncIterator[Scene]:
    """A call on a new chat, attended from its beginning; it is ended with the block."""
    persona = Persona("host", "Robin", greeting=GREETING)
    await store.install(
        personas=[persona],
        scenarios=[Scenario("desk", "The desk", persona_ids=(persona.id,))],
        simulations=[Simulation("desks", "Desks", scenario_ids=("desk",))],
        practices=[Practice("practice", "Practice", "desks")],
    )
    user = await store.user_by_name(USER) or await store.create_user(USER)
    attempt = await store.start_attempt(user.id, practice_id="practice")
    numbers = count(1)
    async with Calls(
        chosen or engines(), store, LoopClock(), limits or CallLimits(), lambda: f"id-{next(numbers)}"
    ) as calls:
        call = await calls.open(user.id, attempt.chats[0].id, wire or AudioFormat(), settings or SessionSettings())
        scene = Scene(calls, call, store)
        calls.attend(call)
        call.session.subscribe(scene.heard)
        yield scene


def steadily(story: Callable[[Store], Any], run: Callable[[Any], Any]) -> Any:
    """Run a story with a store in virtual time."""
    with database() as url, SteadyStore(url) as steady:
        return run(story(steady.store))
