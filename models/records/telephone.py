"""Records of the telephone: the numbers that are answered, and the calls on them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

BY_CALLER, BY_PIN = "by-caller", "pin"
"""The values of `PhoneNumber.user` that name nobody: a user for each caller id, or the one whose PIN is entered."""

Direction = Literal["in", "out"]

CallReason = Literal[
    "caller", "persona", "transfer", "silence", "duration", "idle", "lost", "closing", "failed", "revoked",
    "busy", "closed", "message", "machine", "no-pin", "blocked", "unknown-number", "no-answer", "refused",
]  # fmt: skip
"""Why a call on the telephone is over: as a call of any door, or turned away: all lines busy; outside the hours, with
or without a message; an answering machine; a wrong PIN; the caller or the number is not served; not answered; refused
by the carrier."""


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number, and what a call to it opens.

    Attributes:
        number: in the international form with +, an extension, or `*` for all that no other entry is for.
        practice, home, chat: what a call opens: a fresh attempt at a practice or a home, by name or id, or a standing
            chat.
        persona: name or id; empty for the first one.
        user: `BY_CALLER`, `BY_PIN`, or a user's name.
        greeting: the text of the greeting; empty for the persona's own.
        silence_s: the silences before the prompts, and last before the goodbye; empty for none.
        max_s: the longest duration; 0 for none.
        warning_s: so long before it is said that the time is nearly up.
        record: the calls are recorded.
        announce: said before anything is recorded.
        human: the number to which calls are transferred, on the key 0 and by the persona; empty for nobody.
        hours: when calls are answered, such as "Mon-Fri 09:00-17:30"; empty for always.
        timezone: of the hours.
        closed: said outside the hours; empty for a sentence of the service's own.
        message: outside the hours, and when all lines are busy, a message is taken.
        language: that callers speak; empty for the service's.
        block: numbers whose calls are refused; one that ends in `*` for all that begin so.
        lines: most calls on it at once.
    """

    number: str
    practice: str = ""
    home: str = ""
    chat: str = ""
    persona: str = ""
    user: str = BY_CALLER
    greeting: str = ""
    silence_s: tuple[float, ...] = (8.0, 8.0, 10.0)
    max_s: float = 1800.0
    warning_s: float = 60.0
    record: bool = False
    announce: str = ""
    human: str = ""
    hours: str = ""
    timezone: str = "UTC"
    closed: str = ""
    message: bool = False
    language: str = ""
    block: tuple[str, ...] = ()
    lines: int = 10


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """The record of a call on the telephone.

    Attributes:
        line: the kind of line, such as "twilio".
        carrier_id: the call's id on it.
        caller, called: as the carrier named them; the caller of a withheld number is empty.
        number: the entry that answered; empty for none.
        user_id, chat_id: whose call it was, in which chat; None before that is known, and when the chat is removed.
        ended_at: None while it is open.
        reason: why it is over.
        details: what a call that we make is for.
    """

    id: str
    line: str
    carrier_id: str
    direction: Direction
    caller: str
    called: str
    number: str
    began_at: datetime
    user_id: str | None = None
    chat_id: str | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float | None:
        """How long it was open; None while it is."""
        return None if self.ended_at is None else (self.ended_at - (self.answered_at or self.began_at)).total_seconds()
