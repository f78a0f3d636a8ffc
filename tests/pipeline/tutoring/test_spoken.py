"""What a spoken lesson keeps when its answers are not heard out; tests/calls/lesson.yaml is a whole one."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from models.packs.lesson_loader import load_lessons
from pipeline.call.call import Call
from pipeline.call.registry import (
    CallLimits,
    Calls,
)
from pipeline.call.session import SessionSettings
from pipeline.conversation.events import ReplyEnded, SessionEvent
from pipeline.llm.scripted import ScriptedResponder
from pipeline.replay import Stage
from pipeline.replay.engines import replay_engines
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.timeline.timeline import Timeline
from pipeline.tutoring.spoken import SpokenTutor
from pipeline.tutoring.tutor import Tutor
from voice.audio.formats import AudioFormat

pytestmark = pytest.mark.slow

FRAME, FRAME_S = 320, 0.02


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


class Learner:
    """Feeds the microphone, and hears what is told."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.events: list[SessionEvent] = []
        self._replied = asyncio.Event()
        call.session.subscribe(self.hear)

    def hear(self, event: SessionEvent) -> None:
        self.events.append(event)
        if isinstance(event, ReplyEnded):
            self._replied.set()

    async def listen(self) -> ReplyEnded:
        """Be quiet until the answer is over."""
        while not self._replied.is_set():
            self.call.session.frame(np.zeros(FRAME, np.int16))
            await asyncio.sleep(FRAME_S)
        return next(event for event in reversed(self.events) if isinstance(event, ReplyEnded))


def test_an_answer_thrown_away_changes_nothing_and_an_interrupted_one_is_kept_as_heard(stage: Stage) -> None:
    async def story() -> None:
        store = stage.store
        user = await store.create_user("a learner who interrupts")
        tutor = Tutor(store, load_lessons())
        await tutor.node(user.id, "worried-caller")
        session = await store.add_external_chat(user.id, "tutor", subject_id="worried-caller")
        engines = replay_engines(
            stage.transcriber, stage.synthesizer, ScriptedResponder(), Timeline(LoopClock()), "ideal"
        )
        ids = iter(range(10_000))
        limits = CallLimits(max_calls=1, idle_s=3600, resume_s=60)
        async with Calls(engines, store, LoopClock(), limits, lambda: f"interrupted-{next(ids)}") as calls:
            source = SpokenTutor(tutor, store)
            calls.register(source)
            call = await calls.open(user.id, session.id, AudioFormat(), SessionSettings())
            opened = await source.open(user.id, session.id)
            assert opened is not None
            assert opened.responder is not None
            said = [delta async for delta in opened.responder.reply(opened.conversation.context(1, "hello"))]
            assert said, "prepared, and never released"
            assert (await store.external_chat(user.id, session.id)).data == {}
            learner = Learner(call)
            calls.attend(call)
            await asyncio.sleep(0)
            call.session.greet()
            await asyncio.sleep(2.0)
            call.session.stop()
            cut = await learner.listen()
            assert cut.interrupted
            call.session.hang_up()
            await call.session.finished()
        (message,) = await store.external_messages(session.id)
        assert (message.text, message.interrupted) == (cut.heard, True)
        assert (message.full_text, message.origin) == (cut.text, "spoken")
        assert (await store.external_chat(user.id, session.id)).data["begun"] is True

    run_virtually(story())
