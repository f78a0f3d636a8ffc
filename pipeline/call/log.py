"""The log of a call: its turns' latencies and its end, and no word of it."""

import logging
from collections import deque
from statistics import median

from pipeline.conversation.events import (
    CallEnded,
    ReplyBegan,
    SessionEvent,
    TurnLatency,
    UserMessage,
    UserStarted,
)
from pipeline.tasks.log_context import LogContext

log = logging.getLogger(__name__)

LATENCIES = 1_000
"""Most turns whose latency counts for the median of a call: the latest."""


class CallLogger:
    """Logs one call.

    Args:
        context: says of records whose turn they belong to; it is kept up to date here.
    """

    def __init__(self, context: LogContext) -> None:
        self._context = context
        self._latencies = deque[int](maxlen=LATENCIES)

    def hear(self, event: SessionEvent) -> None:
        """Take an event of the call."""
        match event:
            case UserStarted(turn) | UserMessage(turn) | ReplyBegan(turn):
                if turn != self._context.turn:
                    self._context.turn, self._context.trace_id = turn, ""
            case TurnLatency():
                self._latencies.append(event.voice_to_voice_ms)
                log.debug("Turn %d: %s.", event.turn, event.stages, extra=event.stages)
            case CallEnded():
                self._end(event)
            case _:
                pass

    def _end(self, event: CallEnded) -> None:
        spoken = ""
        if self._latencies:
            slowest = max(self._latencies)
            spoken = f"; voice to voice {median(self._latencies):.0f} ms (median), {slowest} ms (slowest)"
        log.info(
            "Call %s ends after %.1f s and %d turns: %s%s.",
            self._context.conversation_id,
            event.duration_ms / 1000,
            event.turns,
            event.reason,
            spoken,
        )
