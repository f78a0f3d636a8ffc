"""A call as a line announces it, and why one is not taken."""

from dataclasses import dataclass

from models.records.telephone import CallReason

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
