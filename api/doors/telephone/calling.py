"""A call as a line announces it, and why one is not taken."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from api.doors.line import Gaps, Pace
from models.records.telephone import CallReason
from voice.audio.formats import AudioFormat

Carry = Callable[[str], Awaitable[bool | None]]
"""Transfers a call, as `PhoneDialect.transfer`."""

Ask = Callable[[], Coroutine[Any, Any, None]]
"""Asks the carrier for something."""

LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that comes in on a line, or that we made and that was answered.

    Attributes:
        line: the kind of line, such as "twilio" or "sip".
        call_id: the call's id on it, at most `LONGEST_ID` characters.
        caller: the number that calls, as it came: anybody can feign one; empty if it is withheld.
        called: the number or extension that is called, as it came.
        outgoing: the id of the record of a call that we made; empty for one that comes in.
    """

    line: str
    call_id: str
    caller: str = ""
    called: str = ""
    outgoing: str = ""


class CallRefused(Exception):
    """The call is not taken, and nothing is said on it.

    Attributes:
        reason: as it is recorded.
    """

    def __init__(self, reason: CallReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LineSound:
    """How a line carries sound; see `Opening`."""

    input: AudioFormat
    output: AudioFormat
    pace: Pace
    gaps: Gaps | None
