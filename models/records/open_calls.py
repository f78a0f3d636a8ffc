"""What names an open call, as it is stored for a process that carries the call on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class KeptCall:
    """An open call.

    Attributes:
        resume_hash: SHA-256 of its resume token, in hexadecimal.
        input, output: the formats of the learner's and of the persona's audio; empty before its first line.
        settings: of its session.
        recorded: its recording was announced.
        turn: its latest turn.
        reply_id: the message that is being said.
        began_at: when it was opened.
        released_at: since when no process carries it; None while one does.
    """

    chat_id: str
    user_id: str
    conversation_id: str
    group_id: str
    resume_hash: str
    persona_id: str | None
    input: Mapping[str, Any]
    output: Mapping[str, Any]
    settings: Mapping[str, Any]
    recorded: bool
    turn: int
    reply_id: str | None
    began_at: datetime
    released_at: datetime | None = None
