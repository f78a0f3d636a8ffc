"""The time limit of a chat, and the time that it took."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.records.core import Attempt, Chat, Message, Simulation


@dataclass(frozen=True, slots=True)
class ChatTime:
    """The time of one chat.

    Attributes:
        limit_s: its time limit in seconds; None for none.
        started_at: when its time started.
        ends_at, left_s: None before it has started, and without a limit.
        expired: its time is up, and it has not ended.
    """

    limit_s: int | None = None
    started_at: datetime | None = None
    ends_at: datetime | None = None
    left_s: int | None = None
    expired: bool = False


def time_of(chat: Chat, attempt: Attempt, simulation: Simulation, now: datetime) -> ChatTime:
    """Return a chat's time; an attempt in infinite mode has no limit."""
    limit_s = None if attempt.infinite_mode else simulation.time_limit_s
    if limit_s is None or chat.started_at is None:
        return ChatTime(limit_s, chat.started_at)
    ends_at = chat.started_at + timedelta(seconds=limit_s)
    left_s = max(0, round((ends_at - (chat.completed_at or now)).total_seconds()))
    return ChatTime(limit_s, chat.started_at, ends_at, left_s, chat.completed_at is None and now >= ends_at)


def time_taken_s(chat: Chat, messages: Sequence[Message], now: datetime) -> int:
    """Return the seconds from a chat's beginning to its end, or to its last message if it has not ended."""
    end = chat.completed_at or (messages[-1].created_at if messages else now)
    return max(0, round((end - (chat.started_at or chat.created_at)).total_seconds()))
