"""The JSON texts of media streams: objects with an event, read and rendered the same for every carrier."""

import json
from collections.abc import Mapping
from typing import Any

from api.doors.json_bounds import check_shape
from api.doors.line import Message, ProtocolError
from models.errors import ModelError


def event_in(message: Message) -> dict[str, Any]:
    """Read a message: a JSON object with the text `event`.

    Raises:
        ProtocolError: it is none, or nested too deeply.
    """
    try:
        check_shape(message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message)
        fields = json.loads(message)
    except ModelError as error:
        raise ProtocolError("invalid_json", str(error)) from None
    except ValueError:
        raise ProtocolError("invalid_json", "The message is not JSON.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("event"), str):
        raise ProtocolError("invalid_message", "A message of a media stream is a JSON object with an event.")
    return fields


def number_in(fields: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of at most 15 digits, which may be written as a text; None if it is not there."""
    text = str(fields.get(name))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def text_of(fields: Mapping[str, Any]) -> str:
    """Render a message."""
    return json.dumps(fields, separators=(",", ":"))
