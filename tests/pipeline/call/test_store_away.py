"""A call while the disk is full: it goes on, and what was said meanwhile is stored once there is room again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from models.store import Store
from pipeline.call.learner_messages import KEPT, LOST
from pipeline.conversation.events import CallEnded, Problem, ReplyAudio, ReplyBegan, ReplyEnded, UserMessage
from pipeline.replay.steady_store import SteadyStore
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.writer import LAST_WRITES_S
from tests.disk import full_disk
from tests.pipeline.call.test_registry import LINE, SILENCE, now
from tests.pipeline.scene import opened
from tests.stores import database


@pytest.mark.slow
def test_what_is_said_while_the_disk_is_full_is_stored_later() -> None:
    async def story(store: Store, wal: Path) -> None:
        async with opened(store) as scene:
            with full_disk(wal):
                await scene.call.session.say("Hello " * 2_000)
                await scene.until(ReplyAudio, turn=1)
                await asyncio.sleep(10)  # she has said it
                await scene.say(LINE)
                await scene.say(SILENCE)
                await scene.until(ReplyAudio, turn=2)
                assert scene.of(Problem) == [KEPT], "once, and it is not fatal"
                assert not scene.of(UserMessage), "nothing is acknowledged that is not stored"
            await scene.until(ReplyEnded, turn=2)
            assert [event.turn for event in scene.of(UserMessage)] == [1, 2]
            assert not scene.of(CallEnded)
            messages = await store.messages(scene.call.session.conversation.chat_id)
            assert [message.role for message in messages] == ["user", "assistant"] * 2
            assert [message.completed for message in messages] == [True] * 4
            assert [message.id for message in messages[1::2]] == [event.message_id for event in scene.of(ReplyBegan)]

    with_wal(story)


def test_a_call_that_ends_while_the_disk_stays_full_says_what_is_lost() -> None:
    async def story(store: Store, wal: Path) -> None:
        async with opened(store) as scene:
            with full_disk(wal):
                await scene.call.session.say("Hello " * 2_000)
                scene.call.session.hang_up()
                begun = now()
                await scene.until(CallEnded)
                assert now() - begun == LAST_WRITES_S
            assert scene.of(Problem) == [KEPT, LOST]

    with_wal(story)


def with_wal(story: Callable[[Store, Path], Awaitable[None]]) -> None:
    with database() as url, SteadyStore(url) as steady:
        run_virtually(story(steady.store, Path(url.removeprefix("sqlite+aiosqlite:///") + "-wal")))
