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
        process_id: the process that carries it, or has released it; None if that ended without.
        epoch: counts the processes that have carried it.
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
    process_id: str | None = None
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Carrier:
    """The other process that carries a call.

    Attributes:
        address: the URL under which other processes reach it; empty if they do not.
        gone: it runs no more, or was not seen for too long; the call can be resumed once it is released.
        conversation_id, group_id: the call's names.
    """

    process_id: str
    address: str
    chat_id: str
    user_id: str
    gone: bool
    conversation_id: str = ""
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class OtherProcess:
    """A process of the service that runs beside this one.

    Attributes:
        address: the URL under which other processes reach it; empty if they do not.
    """

    id: str
    address: str
