"""What the log says of the call that a record belongs to: ids and numbers, never words."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class LogContext:
    """The call, and its turn at present.

    Attributes:
        conversation_id: the call's.
        turn: number of the latest turn.
        trace_id: of the trace of that turn, 32 hexadecimal digits; empty if there is none.
    """

    conversation_id: str
    turn: int = 0
    trace_id: str = ""


CURRENT: ContextVar[LogContext | None] = ContextVar("log_context", default=None)
"""The call whose task is running; None outside of calls."""
