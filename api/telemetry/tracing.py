"""Turns as traces: one trace a turn, since a call may last for hours and a span is exported when it ends."""

from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context

from api.telemetry import names
from api.telemetry.turns import TurnRecord, TurnStage


class TurnTraces:
    """Exports the turns of one call.

    Args:
        tracer: makes the spans.
        conversation_id: names the call in each.
        epoch_ns: converts a time of the call's clock to nanoseconds since 1970.
    """

    def __init__(self, tracer: Tracer, conversation_id: str, epoch_ns: Callable[[float], int]) -> None:
        self._tracer = tracer
        self._conversation = conversation_id
        self._epoch_ns = epoch_ns
        self._spans: dict[int, Span] = {}

    def begin(self, turn: TurnRecord) -> str:
        """Begin the trace of a turn; return its id, 32 hexadecimal digits, or nothing if it is not exported."""
        span = self._spans[turn.turn] = self._tracer.start_span(
            "turn",
            context=Context(),
            kind=SpanKind.SERVER,
            attributes={names.CONVERSATION: self._conversation, names.TURN: turn.turn},
            start_time=self._epoch_ns(turn.start),
        )
        trace_id = span.get_span_context().trace_id
        return format(trace_id, "032x") if trace_id else ""

    def end(self, turn: TurnRecord) -> None:
        """End the trace of a turn, with a span for each of its stages."""
        span = self._spans.pop(turn.turn, None)
        if span is None or turn.end is None:
            return
        inside = set_span_in_context(span, Context())
        for stage in turn.stages:
            self._stage(stage, inside, turn.end)
        span.set_attribute(names.INTERRUPTED, turn.interrupted)
        if turn.heard_ms is not None:
            span.set_attribute(names.HEARD_MS, turn.heard_ms)
        if turn.latency is not None:
            for name, milliseconds in turn.latency.stages.items():
                span.set_attribute(f"glow.{name}", milliseconds)
        span.end(self._epoch_ns(turn.end))

    def _stage(self, stage: TurnStage, inside: Context, latest: float) -> None:
        end = stage.end if stage.end is not None else latest
        span = self._tracer.start_span(stage.name, context=inside, start_time=self._epoch_ns(stage.start))
        if stage.name in names.OPERATIONS:
            span.set_attribute(names.OPERATION, names.OPERATIONS[stage.name])
        if stage.discarded:
            span.set_attribute(names.DISCARDED, True)
        span.set_attributes(stage.attributes)
        span.end(self._epoch_ns(max(end, stage.start)))
