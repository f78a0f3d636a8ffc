"""A turn as a trace: its stages in their order, the discarded ones marked, in whole calls in virtual time."""

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from api.telemetry.turns import TurnFollower, TurnRecord
from models.store import Store
from pipeline.conversation.events import ReplyAudio, ReplyBegan, ReplyEnded, TurnLatency
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.turn import actions, events
from tests.pipeline.scene import Repeater, Scene, engines, opened, steadily
from tests.voice.sound import recording

LINE = recording("slt/records-office/05")
WORD = recording("slt/turns/01")


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 16_000), np.int16)


class Followed:
    """What a follower of one call tells."""

    def __init__(self, scene: Scene) -> None:
        self.begun: list[int] = []
        self.turns: list[TurnRecord] = []
        self.interruptions: list[str] = []
        follower = TurnFollower(
            LoopClock(), lambda turn: self.begun.append(turn.turn), self.turns.append, self.interruptions.append
        )
        scene.call.session.subscribe(follower.hear)
        scene.call.session.observe(follower.see)


def played_out(story: Callable[[Scene, Followed], Awaitable[Any]], words: str = "can you repeat that please") -> Any:
    async def whole(store: Store) -> Any:
        async with opened(store, engines(transcriber=Repeater(words))) as scene:
            return await story(scene, Followed(scene))

    return steadily(whole, run_virtually)


def test_a_spoken_turn_from_its_first_sound_to_its_last_word() -> None:
    async def story(scene: Scene, followed: Followed) -> tuple[Followed, TurnLatency, ReplyEnded]:
        await scene.say(np.concatenate([quiet(0.3), LINE, quiet(2)]))
        latency = await scene.until(TurnLatency)
        began = next(event for event in scene.events if isinstance(event, ReplyBegan))
        scene.call.session.played(began.turn, 60_000)
        ended = await scene.until(ReplyEnded)
        return followed, latency, ended

    followed, latency, _ = played_out(story)
    assert followed.begun == [1]
    (turn,) = followed.turns
    kept = {stage.name: stage for stage in turn.stages if not stage.discarded}
    assert list(kept) == ["listen", "endpoint", "transcribe", "invoke_llm", "speech", "play"]
    assert turn.latency == latency
    assert kept["listen"].end == kept["endpoint"].start
    assert kept["endpoint"].end is not None
    measured = (kept["endpoint"].end - kept["endpoint"].start) * 1000
    assert abs(measured - latency.endpoint_ms) <= 20, "the definition of the endpoint delay is one"
    voice_to_voice = (kept["play"].start - kept["endpoint"].start) * 1000
    assert abs(voice_to_voice - latency.voice_to_voice_ms) <= 20
    assert all(stage.end is not None and stage.end >= stage.start for stage in turn.stages)
    assert turn.end is not None
    assert turn.end >= kept["play"].start


def test_eager_work_in_a_false_pause_is_marked_as_discarded() -> None:
    async def story(scene: Scene, followed: Followed) -> Followed:
        half = len(LINE) // 2
        await scene.say(np.concatenate([quiet(0.3), LINE[:half], quiet(0.5), LINE[half:], quiet(2)]))
        await scene.until(TurnLatency)
        scene.call.session.played(1, 60_000)
        await scene.until(ReplyEnded)
        return followed

    followed = played_out(story, "well my number is")
    turn = followed.turns[0]
    assert any(stage.discarded for stage in turn.stages), turn.stages
    assert {stage.name for stage in turn.stages if stage.discarded} <= {"transcribe", "invoke_llm"}
    assert any(not stage.discarded and stage.name == "transcribe" for stage in turn.stages)


def test_a_typed_turn_has_no_listening() -> None:
    async def story(scene: Scene, followed: Followed) -> Followed:
        await scene.call.session.say("What is the number?")
        await scene.until(ReplyAudio)
        scene.call.session.played(1, 60_000)
        await scene.until(ReplyEnded)
        return followed

    (turn,) = played_out(story).turns
    assert [stage.name for stage in turn.stages] == ["invoke_llm", "speech", "play"]


def test_a_barge_in_is_counted_and_the_turn_says_what_was_heard() -> None:
    async def story(scene: Scene, followed: Followed) -> Followed:
        scene.call.session.greet()
        began = await scene.until(ReplyBegan)
        await scene.until(ReplyAudio)
        scene.call.session.played(began.turn, 400)
        await scene.say(np.concatenate([WORD, quiet(1.5)]))
        await scene.until(ReplyEnded, interrupted=True)
        return followed

    followed = played_out(story)
    assert followed.interruptions == ["true"]
    assert followed.turns[0].interrupted
    assert followed.turns[0].heard_ms is not None


def test_how_a_sound_over_a_reply_was_judged() -> None:
    def judged(event: events.Event, action: actions.Action) -> list[str]:
        told: list[str] = []
        follower = TurnFollower(LoopClock(), lambda _: None, lambda _: None, told.append)
        follower.see(events.Elapsed(), [actions.Duck()])
        follower.see(event, [action])
        follower.see(event, [action])
        return told

    assert judged(events.Transcribed(1, ""), actions.Restore()) == ["false"]
    assert judged(events.Transcribed(1, "mm hm"), actions.GoOn()) == ["backchannel"]
    assert judged(events.Partial("wait, no"), actions.CutReply(1)) == ["true"]
