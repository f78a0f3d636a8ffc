"""What servers of language models report of the tokens of their answers."""

from collections.abc import Callable
from typing import Any

from pipeline.llm.deltas import field_of

ASKED = {"stream_options": {"include_usage": True}}
"""The parameters that ask for a report at the end of a streamed answer."""


class TokenMeter:
    """Passes reports on to an observer, for all language models of the service.

    Attributes:
        observer: gets the model as it was asked for, and the tokens of the prompt and of the answer; None: nobody
            observes, and no server is asked for a report.
    """

    def __init__(self) -> None:
        self.observer: Callable[[str, int, int], None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody observes."""
        return self.observer is not None

    def note(self, model: str, usage: Any) -> None:
        """Take the `usage` of an answer: an object of JSON or of the library's; what is none is ignored."""
        asked, answered = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        if self.observer is not None and asked is not None and answered is not None:
            self.observer(model, asked, answered)


class UsageReport:
    """Asks one server for reports, and no more once it refused a request because of that.

    Args:
        meter: takes them.
        model: the model that is asked.
    """

    def __init__(self, meter: TokenMeter | None, model: str) -> None:
        self._meter = meter or TokenMeter()
        self._model = model
        self._refused = False
        self._suspected = False

    def parameters(self) -> dict[str, Any]:
        """Return what to ask a stream with; nothing where no report is wanted or the server refuses it."""
        return ASKED if self._meter.wanted and not (self._refused or self._suspected) else {}

    def refuses(self, status: int, parameter: str, message: str) -> bool:
        """Return whether a request is worth another try without asking for the report.

        Args:
            status: of the refusal, of a request that asked for one.
            parameter: which the server names; empty for none.
            message: what it says.
        """
        named = "stream_options" in f"{parameter} {message}" or "include_usage" in message
        if self._refused or self._suspected or status not in (400, 415, 422) or (parameter and not named):
            return False
        self._refused, self._suspected = named, not named
        return True

    def accepted(self) -> None:
        """Note that a request was accepted: what was suspected is so."""
        self._refused, self._suspected = self._refused or self._suspected, False

    def failed(self) -> None:
        """Note that a request was refused without asking for the report, too."""
        self._suspected = False

    def take(self, usage: Any) -> None:
        """Take the report of an answer; None for none."""
        if usage is not None:
            self._meter.note(self._model, usage)


def _count(usage: Any, name: str) -> int | None:
    value = field_of(usage, name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
