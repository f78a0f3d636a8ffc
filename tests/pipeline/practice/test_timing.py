"""How much time a chat has, and how much it took."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.records.core import Attempt, Chat, Message, Simulation
from pipeline.practice.timing import time_of, time_taken_s

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(seconds: int | None) -> Any:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("started", "completed", "limit", "infinite", "wanted"),
    [
        (None, None, 60, False, (60, None, False)),
        (0, None, 60, False, (60, 50, False)),
        (-50, None, 60, False, (60, 0, True)),
        (-500, -480, 60, False, (60, 40, False)),
        (-500, None, None, False, (None, None, False)),
        (-500, None, 60, True, (None, None, False)),
    ],
)
def test_a_chats_time(started: Any, completed: Any, limit: Any, infinite: bool, wanted: tuple[Any, ...]) -> None:
    chat = Chat("c", "a", "u", "C", None, 0, NOON, at(completed), None, at(started))
    attempt = Attempt("a", "u", "s", infinite, NOON, None, (chat,))
    time = time_of(chat, attempt, Simulation("s", "S", time_limit_s=limit), at(10))
    assert (time.limit_s, time.left_s, time.expired) == wanted
    assert time.started_at == at(started)
    assert time.ends_at == (at(started + limit) if time.left_s is not None else None)


@pytest.mark.parametrize(
    ("started", "completed", "said", "wanted"),
    [
        (0, 90, (10, 20), 90),
        (0, None, (10, 20), 20),
        (0, None, (), 600),
        (None, 90, (), 100),
        (50, 40, (), 0),
    ],
)
def test_what_a_chat_took(started: Any, completed: Any, said: tuple[int, ...], wanted: int) -> None:
    chat = Chat("c", "a", "u", "C", None, 0, at(-10), at(completed), None, at(started))
    messages = [Message("m", "c", "user", "Hello.", "typed", at(seconds)) for seconds in said]
    assert time_taken_s(chat, messages, at(600)) == wanted
