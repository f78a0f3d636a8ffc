"""A gap in what is played of a reply: counted where its next audio came too late, and not where it was held back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from models.store import Store
from pipeline.conversation.events import ReplyAudio, ReplyBegan, ReplyEnded, ReplyStalled
from pipeline.conversation.reply import ReplyContext
from pipeline.replay.virtual_time import run_virtually
from tests.pipeline.scene import Scene, engines, opened, steadily


class Halting:
    """A responder that pauses between its sentences.

    Args:
        pauses_s: before each of them.
    """

    name = "halting"

    def __init__(self, *pauses_s: float) -> None:
        self._pauses_s = pauses_s

    async def reply(self, _: ReplyContext) -> AsyncIterator[str]:
        for number, pause_s in enumerate(self._pauses_s):
            await asyncio.sleep(pause_s)
            yield f"This is sentence number {number}, and it goes on for a while. "


def played(
    *pauses_s: float, then: Callable[[Scene], Awaitable[Any]] | None = None
) -> tuple[list[ReplyStalled], list[ReplyAudio]]:
    """The stalls and the audio of one reply with these pauses."""

    async def whole(store: Store) -> Any:
        async with opened(store, engines(responder=Halting(*pauses_s))) as scene:
            await scene.call.session.say("What is it?")
            await scene.until(ReplyBegan)
            if then is not None:
                await then(scene)
            await scene.until(ReplyEnded)
            return scene.of(ReplyStalled), scene.of(ReplyAudio)

    found: tuple[list[ReplyStalled], list[ReplyAudio]] = steadily(whole, run_virtually)
    return found


def test_a_reply_that_comes_in_time_has_no_gap() -> None:
    stalls, audio = played(0.1, 0.2, 0.2)
    assert stalls == []
    assert len(audio) > 20


def test_each_pause_that_is_longer_than_what_was_said_is_a_gap_of_the_rest() -> None:
    _, audio = played(0.1)
    sentence_ms = audio[-1].at_ms + audio[-1].duration_ms
    stalls, _ = played(0.1, 9.0, 0.1, 12.0)
    assert [stall.turn for stall in stalls] == [1, 1]
    assert abs(stalls[0].gap_ms - (9_000 - sentence_ms)) < 200
    assert stalls[1].gap_ms >= 12_000 - 3 * sentence_ms


@pytest.mark.parametrize("held", ["no line", "stopped for a noise"])
def test_what_is_held_back_is_no_gap(held: str) -> None:
    async def hold(scene: Scene) -> None:
        await asyncio.sleep(0.5)
        if held == "no line":
            scene.call.session.disconnect()
            await asyncio.sleep(8)
            scene.call.session.connect()
        else:
            replies = scene.call.session._replies  # the turn machine's own levers
            replies.duck()
            await asyncio.sleep(8)
            replies.go_on()

    stalls, _ = played(0.1, 0.1, then=hold)
    assert stalls == []
