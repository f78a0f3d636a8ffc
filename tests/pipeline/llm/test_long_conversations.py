"""The scripted persona in long conversations: the hundredth reply costs what the tenth does, and says the same."""

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from itertools import cycle
from types import FrameType
from typing import Any

import numpy as np
import pytest

from models.packs import DEMO_PACK, load_pack
from models.records.core import Persona
from pipeline.conversation.reply import HistoryEntry, ReplyContext, text_of_reply
from pipeline.errors import EmbeddingFailed
from pipeline.llm.scripted import ScriptedResponder, answer
from pipeline.search.meaning import Meanings, Vectors

DANA = next(persona for persona in load_pack(DEMO_PACK).personas if persona.name.startswith("Dana"))
SAID = (
    "Hello, is this the records office?", "I am sorry, I cannot share his grades.", "wait", "Can you repeat that?",
    "What is the name of your son?", "The weather is lovely.", "You are stupid.", "go on", "", "I do not know.",
    "He has to sign the release form.", "How old is he?", "Thank you very much.", "No, what about friday?",
)  # fmt: skip


def conversation(turns: int) -> list[HistoryEntry]:
    """A history that the learner's words end, with interrupted replies and words that nobody answered."""
    history = [HistoryEntry("assistant", DANA.greeting)]
    for number, said in zip(range(turns), cycle(SAID), strict=False):
        history.append(HistoryEntry("user", f"{said} {number}" if number % 3 else said))
        if number % 5 == 4:
            continue
        reply = answer(DANA, history)
        history.append(HistoryEntry("assistant", reply[: len(reply) // 2] if number % 4 == 3 else reply))
    return [*history, HistoryEntry("user", "When does he come home?")]


def asked(responder: ScriptedResponder, persona: Persona, history: Sequence[HistoryEntry]) -> str:
    return asyncio.run(text_of_reply(responder.reply(ReplyContext(persona, None, (), tuple(history)))))


@contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """Count the functions of the product that are called."""
    calls = 0

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event == "call" and "/pipeline/" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield lambda: calls
    finally:
        sys.setprofile(before)


def replies(history: Sequence[HistoryEntry]) -> Iterator[int]:
    """The places of a history that a reply was asked for at."""
    return (place for place, entry in enumerate(history, start=1) if entry.role == "user")


def test_a_reply_costs_the_same_after_many_turns() -> None:
    history, responder, costs = conversation(150), ScriptedResponder(), []
    for place in replies(history):
        with counting() as calls:
            asked(responder, DANA, history[:place])
        costs.append(calls())
    early, late = max(costs[10:40]), max(costs[-30:])
    assert late < 1.5 * early, costs


def test_what_is_kept_changes_no_reply() -> None:
    history, responder = conversation(60), ScriptedResponder()
    for place in replies(history):
        assert asked(responder, DANA, history[:place]) == answer(DANA, history[:place]), history[:place][-3:]


def test_histories_that_share_words_are_kept_apart() -> None:
    responder = ScriptedResponder()
    first = conversation(12)
    other = [first[0], HistoryEntry("user", "What is the name of your son?"), *first[2:]]
    marcus = next(persona for persona in load_pack(DEMO_PACK).personas if persona.name.startswith("Marcus"))
    for _ in range(2):
        for persona in (DANA, marcus):
            for history in (first, other, first[:6], [*first[:5], HistoryEntry("user", "something else"), *first[6:]]):
                assert asked(responder, persona, history) == answer(persona, history)


class Counting:
    """An embedder that remembers how much it was asked for, and may fail."""

    name = "counting"
    broken = False

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def embed(self, texts: Sequence[str], *, urgent: bool = True) -> Vectors:
        if self.broken:
            raise EmbeddingFailed("no")
        self.asked.append(len(texts))
        return np.array([[1, 0] if "sky" in text else [0, 1] for text in texts], np.float32)

    async def close(self) -> None:
        pass


def test_a_sentence_model_reads_what_is_new(caplog: pytest.LogCaptureFixture) -> None:
    embedder = Counting()
    responder, by_words = ScriptedResponder(Meanings(embedder, limit=3000)), ScriptedResponder()
    history = conversation(40)
    for place in replies(history):
        asked(responder, DANA, history[:place])
    assert max(embedder.asked[5:]) <= 24, "a few forms of the last lines, and not the conversation again"
    embedder.broken = True
    again = [*history[:-1], HistoryEntry("user", "A wholly new thing, never said before, comes up now.")]
    assert asked(responder, DANA, again) == asked(by_words, DANA, again)
    assert "answers by words alone" in caplog.text


def test_a_history_from_the_store_is_replayed_in_small_parts() -> None:
    history = conversation(100)
    looks = 0

    async def replayed() -> str:
        nonlocal looks
        reply = asyncio.create_task(
            text_of_reply(ScriptedResponder().reply(ReplyContext(DANA, None, (), tuple(history))))
        )
        while not reply.done():
            looks += 1
            await asyncio.sleep(0)
        return reply.result()

    assert asyncio.run(replayed()) == answer(DANA, history)
    assert looks > len(history) // 5, "others come to their turn between the lines"


def copies() -> int:
    """How many of the persona are in memory."""
    gc.collect()
    return sum(isinstance(held, Persona) and held.id == DANA.id for held in gc.get_objects())


def test_conversations_share_what_is_equal_of_them() -> None:
    """Each chat reads its persona from the store again; what is kept of many chats holds one of them."""
    responder, history, before = ScriptedResponder(), conversation(12), copies()
    for number in range(20):
        own = deepcopy(DANA)
        line = HistoryEntry("user", f"I am caller {number}.")
        for place in replies(history):
            asked(responder, own, [line, *history[:place]])
    del own
    assert copies() <= before + 1
