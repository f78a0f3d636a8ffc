"""An error of a Realtime event, which names the parameter that is wrong."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from api.doors.line import ProtocolError


class RealtimeError(ProtocolError):
    """An event cannot be carried out; the session goes on.

    Attributes:
        param: the parameter that is wrong; None for none.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(code, message)
        self.param = param


def explained(error: ValidationError, root: Iterable[str] = (), *, tags: frozenset[str] = frozenset()) -> RealtimeError:
    """Say what is wrong with an event, from pydantic's account of it.

    Args:
        root: where in the event the parsed part is.
        tags: parts of pydantic's places that are no fields: the kinds of a union.
    """
    first: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ""
    for part in (*root, *first["loc"]):
        if isinstance(part, int):
            place += f"[{part}]"
        elif part not in tags:
            place += f".{part}" if place else str(part)
    kind, said = first["type"], str(first["msg"])
    if kind in ("missing", "union_tag_not_found"):
        missing = f"{place}.type" if kind == "union_tag_not_found" else place
        return RealtimeError("missing_required_parameter", f"Missing required parameter: '{missing}'.", missing)
    said = said.removeprefix("Value error, ")
    return RealtimeError("invalid_value", f"Invalid value for '{place}': {said[:1].lower()}{said[1:]}.", place)
