"""What is kept of a call for its operator: how long it was, how fast it answered, and its timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class CallLog:
    """A call, or the stretch of one that a process carried.

    Attributes:
        conversation_id: shared by the stretches of a call that went on after a restart.
        persona: the name of whom was talked to.
        reason: why it ended; empty while it goes on.
        recorded: it was recorded.
        latencies: the milliseconds from the last word to the answer's first sound, turn by turn.
        echo: the latest `delay_ms` and `residual_db` that the client has measured; None if it has not.
        entries: the timeline, as `at`, `who`, `what`, `fields` and `until`.
        lines: what was said, as `who`, `turn`, `message_id`, `text` and `interrupted`.
    """

    id: str
    conversation_id: str
    chat_id: str
    user_id: str
    persona: str
    began_at: datetime
    duration_ms: int
    turns: int
    reason: str = ""
    recorded: bool = False
    latencies: tuple[int, ...] = ()
    echo: Mapping[str, Any] | None = None
    entries: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    lines: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Whose a chat is, and what it is about.

    Attributes:
        practice: the practice with its simulation that is first by name, or the door that it came by.
        chat: its own name.
    """

    user: str
    practice: str
    chat: str
