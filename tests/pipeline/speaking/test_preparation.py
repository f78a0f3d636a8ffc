"""A reply that its model does not finish, and one that does not end."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from models.store import Store
from pipeline.conversation.events import Problem, ReplyEnded
from pipeline.conversation.reply import ReplyContext
from pipeline.errors import ResponderFailed
from pipeline.replay.virtual_time import run_virtually
from pipeline.speaking import preparation
from pipeline.speaking.replies import APOLOGY
from tests.pipeline.scene import engines, opened, steadily


@dataclass
class BreaksOff:
    """A responder that writes a beginning and then fails."""

    beginning: str
    name: str = "breaks off"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        if self.beginning:
            yield self.beginning
        raise ResponderFailed("It broke off.")


@pytest.mark.parametrize(
    ("beginning", "whole"),
    [
        ("", APOLOGY),
        ("Let me see.", f"Let me see. {APOLOGY}"),
        ("Let me see. ", f"Let me see. {APOLOGY}"),
        ("Let me see.\n", f"Let me see.\n{APOLOGY}"),
    ],
)
def test_the_apology_follows_what_was_written(beginning: str, whole: str) -> None:
    async def story(store: Store) -> None:
        async with opened(store, engines(responder=BreaksOff(beginning))) as scene:
            scene.call.session.type_text("Hello?")
            assert (await scene.until(ReplyEnded)).text == whole

    steadily(story, run_virtually)


@dataclass
class Endless:
    """A responder that writes this again and again."""

    delta: str
    name: str = "endless"

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        for _ in range(10_000):
            yield self.delta
            yield ""


@pytest.mark.parametrize("delta", ["One more. ", "One more sentence. " * 20])
def test_a_reply_above_the_limit_is_said_up_to_it(delta: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "REPLY_LIMIT", 60)

    async def story(store: Store) -> None:
        async with opened(store, engines(responder=Endless(delta))) as scene:
            scene.call.session.type_text("Hello?")
            ended = await scene.until(ReplyEnded)
            assert ended.text == (delta * 10)[:60]
            assert [problem.code for problem in scene.of(Problem)] == ["reply_too_long"]

    steadily(story, run_virtually)
