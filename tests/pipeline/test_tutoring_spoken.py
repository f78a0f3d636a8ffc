"""A whole lesson by voice, in virtual time: real recordings, the embedded recogniser and voice, the real session."""

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from models.packs.lesson_loader import load_lessons
from pipeline.calls import Call, CallLimits, Calls
from pipeline.clock import LoopClock
from pipeline.events import ReplyEnded, SessionEvent, UserMessage
from pipeline.llm.scripted import ScriptedResponder
from pipeline.replay import Stage
from pipeline.replay.engines import replay_engines
from pipeline.replay.timeline import Timeline
from pipeline.session import SessionSettings
from pipeline.tutoring.spoken import SpokenTutor
from pipeline.tutoring.tutor import Tutor
from pipeline.virtual_time import run_virtually
from tests.voice.sound import recording
from voice.formats import AudioFormat

pytestmark = pytest.mark.slow

FRAME, FRAME_S = 320, 0.02
LESSON = (
    ("turns/13", "hint_request"),  # "can you repeat that please"
    ("records-office/01", "evaluation"),
    ("records-office/02", "evaluation"),
    ("records-office/03", "evaluation"),
    ("records-office/04", "evaluation"),
    ("records-office/05", "evaluation"),  # not an answer to "ask whether there is something else"
    ("records-office/06", "evaluation"),
    ("records-office/08", "evaluation"),
)


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
        call.session.listen(self.hear)

    def hear(self, event: SessionEvent) -> None:
        self.events.append(event)
        if isinstance(event, ReplyEnded):
            self._replied.set()

    async def say(self, name: str = "") -> ReplyEnded:
        """Say a recording, or nothing, and be quiet until the answer is over."""
        self._replied.clear()
        samples = recording(f"slt/{name}") if name else np.zeros(0, np.int16)
        whole = np.pad(samples, (FRAME, FRAME - len(samples) % FRAME))
        for start in range(0, len(whole), FRAME):
            await self._frame(whole[start : start + FRAME])
        while not self._replied.is_set():
            await self._frame(np.zeros(FRAME, np.int16))
        return next(event for event in reversed(self.events) if isinstance(event, ReplyEnded))

    async def _frame(self, frame: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> None:
        self.call.session.frame(frame)
        await asyncio.sleep(FRAME_S)


@pytest.mark.slow
def test_a_spoken_lesson_from_start_to_completion(stage: Stage) -> None:
    async def story() -> None:
        store = stage.store
        user = await store.create_user("a learner by voice")
        tutor = Tutor(store, load_lessons())
        await tutor.node(user.id, "worried-caller")
        session = await store.add_external_chat(user.id, "tutor", subject_id="worried-caller")
        engines = replay_engines(stage.transcriber, stage.synthesizer, ScriptedResponder(), Timeline(), "ideal")
        ids = iter(range(10_000))
        limits = CallLimits(max_calls=1, idle_s=3600, resume_s=60)
        async with Calls(engines, store, LoopClock(), limits, lambda: f"lesson-{next(ids)}") as calls:
            calls.register(SpokenTutor(tutor, store))
            call = await calls.open(user.id, session.id, AudioFormat(), SessionSettings())
            learner = Learner(call)
            calls.attend(call)
            await asyncio.sleep(0)
            call.session.greet()
            first = await learner.say()
            assert first.text.endswith("What do you say first?"), "the question is asked aloud"
            for name, _ in LESSON:
                last = await learner.say(name)
            assert "Now try it with Dana Whitfield." in last.text
            call.session.hang_up()
            await call.session.finished()
        messages = await store.external_messages(session.id)
        assert [message.role for message in messages] == ["assistant", *["user", "assistant"] * len(LESSON)]
        assert [message.kind for message in messages if message.role == "user"] == [kind for _, kind in LESSON]
        assert all(message.origin == "spoken" for message in messages)
        spoken = [event.text for event in learner.events if isinstance(event, UserMessage)]
        assert spoken[1] == "hello this is the records office how can i help you"
        told = [event for event in learner.events if isinstance(event, ReplyEnded)]
        assert not any("Question Type" in event.text for event in told)
        assert "Question Type: text\nQuestion:\n" in messages[0].text, "written, it has its question block"
        (progress,) = await store.progress(user.id)
        assert (progress.attempts, round(progress.mastery, 3)) == (7, 0.857)
        assert progress.completed_at is not None
        assert (await store.external_chat(user.id, session.id)).ended_at is not None

    run_virtually(story())


def test_an_answer_thrown_away_changes_nothing_and_an_interrupted_one_is_kept_as_heard(stage: Stage) -> None:
    async def story() -> None:
        store = stage.store
        user = await store.create_user("a learner who interrupts")
        tutor = Tutor(store, load_lessons())
        await tutor.node(user.id, "worried-caller")
        session = await store.add_external_chat(user.id, "tutor", subject_id="worried-caller")
        engines = replay_engines(stage.transcriber, stage.synthesizer, ScriptedResponder(), Timeline(), "ideal")
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
            cut = await learner.say()
            assert cut.interrupted
            call.session.hang_up()
            await call.session.finished()
        (message,) = await store.external_messages(session.id)
        assert (message.text, message.interrupted) == (cut.heard, True)
        assert message.full_text == cut.text
        assert (await store.external_chat(user.id, session.id)).data["begun"] is True

    run_virtually(story())
