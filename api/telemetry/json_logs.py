"""Log records as JSON, a line each, with the ids of the call and the turn that they belong to, and no words of it."""

import logging

from pythonjsonlogger.json import JsonFormatter

from pipeline.tasks.log_context import CURRENT


class WithCall(logging.Filter):
    """A log filter that adds the ids of the call whose task logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids; always return True."""
        if (call := CURRENT.get()) is not None:
            record.conversation_id, record.turn = call.conversation_id, call.turn
            if call.trace_id:
                record.trace_id = call.trace_id
        return True


def json_formatter() -> JsonFormatter:
    """Make the formatter of `log_format=json`."""
    return JsonFormatter(
        "%(levelname)s %(name)s %(message)s",
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp=True,
    )
