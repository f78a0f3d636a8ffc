"""When a call is left: the last word is heard first, by the client's own account where it gives one; and recordings."""

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.files import Files
from models.store import Store
from pipeline.call.recording import Recordings, recording_of
from pipeline.call.session import SessionSettings
from pipeline.call.settings import CallRecording, TimeLimit
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyEnded,
    TransferAsked,
    UserMessage,
)
from pipeline.conversation.reply import ReplyContext, ReplyPart, ToolsRun
from pipeline.conversation.tools import EndCall, Transfer
from pipeline.errors import ResponderFailed
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking.playout import ACKNOWLEDGE_S
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import Scene, engines, opened, steadily
from tests.voice.sound import recording

BYE = "It was nice to talk to you. Goodbye."


class Says:
    """Gives the same parts in answer to everything; fails at a part that is an error."""

    name = "says"

    def __init__(self, *parts: ReplyPart | Exception) -> None:
        self.parts = parts
        self.read: list[ReplyPart] = []

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """The parts."""
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part
            self.read.append(part)


def now() -> float:
    return asyncio.get_running_loop().time()


def played_out(
    story: Callable[[Scene], Awaitable[None]], *parts: ReplyPart | Exception, settings: SessionSettings | None = None
) -> None:
    """Play a story with a persona that says these parts."""

    async def played(store: Store) -> None:
        async with opened(store, engines(responder=Says(*parts)), settings=settings) as scene:
            await story(scene)

    steadily(played, run_virtually)


def length_ms(audio: Sequence[ReplyAudio]) -> int:
    return max(block.at_ms + block.duration_ms for block in audio)


async def acknowledged(scene: Scene, late_s: float, *, until_ms: int = 10**6) -> None:
    """A client that plays what it is sent so much later, and says so every 100 ms, up to some place."""
    start = now() + late_s
    while not scene.of(CallEnded):
        await asyncio.sleep(0.1)
        audio = scene.of(ReplyAudio)
        position = min(length_ms(audio) if audio else 0, round((now() - start) * 1000))
        if 0 < position <= until_ms:
            scene.call.session.played(0, position)


@pytest.mark.parametrize("late_s", [0.0, 0.3, 1.0])
def test_the_end_comes_after_the_last_word_however_late_it_is_played(late_s: float) -> None:
    async def story(scene: Scene) -> None:
        client = asyncio.create_task(acknowledged(scene, late_s))
        scene.call.session.greet()
        began = await scene.until(ReplyBegan)
        assert began.turn == 0
        start = now()
        ended = await scene.until(CallEnded)
        await client
        heard_s = length_ms(scene.of(ReplyAudio)) / 1000 + late_s
        assert ended.reason == "persona"
        assert heard_s + 0.2 <= now() - start <= heard_s + 0.55
        (reply,) = scene.of(ReplyEnded)
        assert (reply.heard, reply.interrupted) == (BYE, False)

    played_out(story, BYE, EndCall())


def test_without_acknowledgements_the_end_comes_when_the_last_word_had_the_time_to_sound() -> None:
    async def story(scene: Scene) -> None:
        scene.call.session.greet()
        await scene.until(ReplyBegan)
        start = now()
        await scene.until(CallEnded, reason="persona")
        assert now() - start == pytest.approx(length_ms(scene.of(ReplyAudio)) / 1000 + 0.3, abs=0.05)

    played_out(story, BYE, EndCall())


def test_a_client_that_stops_telling_is_not_waited_for_long() -> None:
    async def story(scene: Scene) -> None:
        client = asyncio.create_task(acknowledged(scene, 0.0, until_ms=500))
        scene.call.session.greet()
        await scene.until(ReplyBegan)
        start = now()
        await scene.until(CallEnded, reason="persona")
        await client
        whole_s = length_ms(scene.of(ReplyAudio)) / 1000
        assert now() - start == pytest.approx(whole_s + ACKNOWLEDGE_S + 0.3, abs=0.1)

    played_out(story, BYE, EndCall())


def test_a_reply_that_fails_does_not_end_the_call() -> None:
    async def story(scene: Scene) -> None:
        await scene.call.session.type_text("Goodbye.")
        assert "I am sorry" in (await scene.until(ReplyEnded)).text
        await asyncio.sleep(5)
        assert not scene.of(CallEnded)

    played_out(story, BYE, EndCall(), ResponderFailed("The model broke off."))


def test_a_persona_that_may_not_hang_up_does_not() -> None:
    async def story(scene: Scene) -> None:
        await scene.call.session.type_text("Goodbye.")
        await scene.until(ReplyEnded)
        await asyncio.sleep(5)
        assert not scene.of(CallEnded)

    played_out(story, BYE, EndCall(), settings=SessionSettings(hangs_up=False))


def test_the_latest_request_counts() -> None:
    async def story(scene: Scene) -> None:
        await scene.call.session.type_text("A human, please.")
        assert (await scene.until(TransferAsked)).target == "human"
        assert not scene.of(CallEnded)
        scene.call.session.hang_up("transfer")
        assert (await scene.until(CallEnded)).reason == "transfer"

    settings = SessionSettings(transfers=("human",))
    played_out(story, "One moment.", EndCall(), Transfer("human"), settings=settings)


def test_tools_that_change_something_wait_until_the_reply_is_given() -> None:
    """A reply prepared in a pause is thrown away when speech goes on: what it would do is not done."""

    async def story(store: Store) -> None:
        says = Says("Let me see.", ToolsRun(("book",), ahead=False), " It is booked.")
        async with opened(store, engines(responder=says)) as scene:
            line = recording("rms/turns/13")
            await scene.say(np.concatenate([line, np.zeros(16 * 300, np.int16)]))
            assert says.read == ["Let me see."], "prepared ahead, and held there"
            await scene.say(np.zeros(16 * 1000, np.int16))
            await scene.until(UserMessage)
            assert (await scene.until(ReplyEnded)).heard == "Let me see. It is booked."

    steadily(story, run_virtually)


def test_time_that_is_up_takes_the_floor_from_a_reply_without_end() -> None:
    async def story(scene: Scene) -> None:
        start = now()
        await scene.call.session.type_text("Tell me everything.")
        ended = await scene.until(CallEnded)
        assert ended.reason == "duration"
        assert 50 < now() - start < 60, "20 s after the time was up, and a whole sentence later"
        interrupted, warned, goodbye = scene.of(ReplyEnded)[-3:]
        assert interrupted.interrupted
        assert (warned.heard, goodbye.heard) == (LIMIT.warning, LIMIT.goodbye)

    played_out(story, *["And so on, and so forth. "] * 100, settings=SessionSettings(time_limit=LIMIT))


LIMIT = TimeLimit(30.0, warning_s=5.0)


def test_asking_for_a_reply_that_is_on_its_way_is_told() -> None:
    async def story(scene: Scene) -> None:
        session = scene.call.session
        session.request_reply()
        session.request_reply()
        assert (await scene.until(Problem)).code == "answering"
        await scene.until(ReplyBegan)
        session.request_reply()
        assert (await scene.until(Problem)).code == "answering"
        await scene.until(ReplyEnded)
        session.request_reply()
        await scene.until(ReplyEnded)
        assert len(scene.of(ReplyBegan)) == 2

    played_out(story, BYE)


# --------------------------------------------------------------- recordings


async def recorded(store: Store, folder: Path, announcement: str, tell: Callable[[Scene], Awaitable[None]]) -> Any:
    """The recording of a call, shape (n, 2); None where there is none."""
    files = Files(folder)
    settings = SessionSettings(recording=CallRecording(announcement))
    async with opened(store, settings=settings) as scene, Recordings(scene.calls, files, LoopClock()) as recordings:
        recordings.follow(scene.call)  # opened before it was watched for
        await tell(scene)
        scene.call.session.hang_up()
        await scene.call.session.finished()
    path = files.path(recording_of(scene.call.session.conversation.chat_id))
    if not path.exists():
        return None
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)


def test_nothing_is_recorded_before_the_announcement_was_heard(tmp_path: Path) -> None:
    async def tell(scene: Scene) -> None:
        await scene.say(np.concatenate([recording("rms/turns/07"), np.zeros(16_000, np.int16)]))
        assert (await scene.until(ReplyEnded)).heard == "This call is recorded."
        await scene.until(ReplyEnded)
        await scene.say((np.ones(16_000) * 3_000).astype(np.int16))

    async def story(store: Store) -> None:
        sound = await recorded(store, tmp_path, "This call is recorded.", tell)
        persona, learner = sound[:, 1].astype(float), sound[:, 0].astype(float)
        assert np.abs(persona[:16_000]).max() > 1_000, "the answer is the first thing on it"
        assert np.abs(learner[-8_000:]).max() > 1_000
        assert np.abs(learner[: 16_000 // 2]).max() < 100, "what was said over the announcement is not"

    steadily(story, run_virtually)


def test_a_call_that_ends_in_the_announcement_leaves_no_recording(tmp_path: Path) -> None:
    async def tell(scene: Scene) -> None:
        await scene.until(ReplyBegan)
        await asyncio.sleep(0.5)

    async def story(store: Store) -> None:
        assert await recorded(store, tmp_path, "This call is recorded.", tell) is None

    steadily(story, run_virtually)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_without_an_announcement_all_of_the_call_is_recorded(tmp_path: Path) -> None:
    async def tell(scene: Scene) -> None:
        await scene.say(recording("rms/turns/13"))

    async def story(store: Store) -> None:
        sound = await recorded(store, tmp_path, "", tell)
        assert np.abs(sound[:16_000, 0].astype(float)).max() > 1_000

    steadily(story, run_virtually)
