"""An event of the hub, and how it is written for another process."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class HubEvent:
    """An event.

    Attributes:
        name: its name on the wire, such as "attempt_assistant_delta" or "attempt.chat_message.completed".
        channel: where it was published.
        payload: JSON values, and `bytes` for audio.
        artifact, operation: the ones that it belongs to.
    """

    id: str
    name: str
    channel: str
    payload: Mapping[str, Any]
    created_at: datetime
    user_id: str
    artifact: str = "attempt"
    operation: str = ""
    entity_id: str | None = None
    group_id: str | None = None
    run_id: str | None = None
    call_id: str | None = None


_NAMES = tuple(field.name for field in fields(HubEvent))


def encoded(event: HubEvent) -> tuple[dict[str, Any], bytes]:
    """Encode an event as JSON values, and the bytes of its payload behind one another."""
    body = {name: getattr(event, name) for name in _NAMES if getattr(event, name) is not None}
    audio = {key: value for key, value in event.payload.items() if isinstance(value, bytes)}
    body["payload"] = {key: value for key, value in event.payload.items() if key not in audio}
    body["created_at"] = event.created_at.isoformat()
    body["bytes"] = [[key, len(value)] for key, value in audio.items()]
    return body, b"".join(audio.values())


def decoded(body: Mapping[str, Any], data: bytes) -> HubEvent:
    """Decode an event.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    known = {name: body[name] for name in _NAMES if name in body}
    payload, start = dict(body["payload"]), 0
    for key, length in body["bytes"]:
        payload[key] = data[start : start + length]
        start += length
    return HubEvent(**known | {"payload": payload, "created_at": datetime.fromisoformat(body["created_at"])})
