"""The tables of docs/socketio.md, generated from the events and the operations.

`python -m api.doors.glow.socketio.page docs/socketio.md` updates them.
"""

import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from api.doors.glow.operations.shapes import WriteBody, WriteReply
from api.doors.glow.socketio import seats
from api.doors.glow.socketio.connections import ADMIT_S, AT_ONCE_LIMIT, CHANNELS_LIMIT, UNREAD_LIMIT
from api.doors.glow.socketio.events import ClientEvent
from api.doors.glow.socketio.server_events import FAMILIES, FIELDS, ServerEvent
from api.doors.glow.socketio.table import Events, names_of
from api.doors.glow.table import OPERATIONS
from api.doors.reference import example, field_table, renew, table
from api.settings import Settings
from pipeline.chats.hub import WAITING_LIMIT
from pipeline.practice.spoken import FRAME_LIMIT

COMMON = tuple(WriteBody.model_fields)
"""The fields of every body that changes something; the page explains them once."""

_FRAME = {"chat_id": "The chat whose call hears it; or `conversation_id`.", "audio": FIELDS["audio"]}

EVENTS = Events(OPERATIONS)

VOICE = ("attempt_audio_frame", "attempt_audio_mute")
"""The events of voice sessions that are not in the Socket V5 document."""

V5 = tuple(name for name in (*EVENTS.v5, *VOICE) if name in EVENTS.by_name and not EVENTS.by_name[name].row.frames)
"""The events that the page describes one by one."""

_OPERATION = {
    row.name or operation.key.replace(".", "_"): operation for operation in OPERATIONS for row in operation.events
}

_ACKNOWLEDGED = {
    "generate": ("group_id", "run_id", "success"),
    "attempt_join": ("chat_id", "success"),
    "attempt_leave": ("chat_id", "success"),
    "test_join": ("invocation_id", "success"),
    "test_leave": ("invocation_id", "success"),
}
"""The acknowledgements of events without an operation's reply."""


_LIMITS = (
    ("operations of one socket under way", AT_ONCE_LIMIT, f"it is not read; after {ADMIT_S:g} s the next is refused"),
    ("rooms that one socket hears", CHANNELS_LIMIT, "the next is refused"),
    ("events that wait for a socket", WAITING_LIMIT, "it is disconnected, and may connect again"),
    ("packets that a socket has not read", UNREAD_LIMIT, "it is disconnected, and may connect again"),
    ("bytes of one frame", FRAME_LIMIT, "it is dropped"),
    (
        "bytes of audio that wait to be heard",
        seats.WAITING_LIMIT,
        "more is dropped, with one `attempt_error`",
    ),
    ("bytes of one message", Settings.model_fields["max_message_bytes"].default, "it is disconnected"),
)


def parts() -> dict[str, str]:
    """Generate the parts of the page, by name."""
    events = EVENTS.by_name
    others = [name for name, event in events.items() if name not in V5 and not event.row.frames]
    return {
        "client events": "\n\n".join(text for name in V5 for text in _client_event(name, events[name])),
        "frames": "\n\n".join(_frame()),
        "operations": table(
            ("event", "what it does", "payload"),
            [(_in_code(name), _does(name), _fields(events[name].body)) for name in others],
        ),
        "server events": "\n\n".join(f"### {title}\n\n{_server_events(events)}" for title, events in FAMILIES.items()),
        "limits": table(("limit", "", "beyond it"), [(what, f"{most:,}", then) for what, most, then in _LIMITS]),
        "fields": table(
            ("field", "meaning"), [(f"`{name}`", FIELDS[name]) for name in sorted(_carried()) if name in FIELDS]
        ),
    }


def acknowledgement(name: str) -> tuple[str, ...]:
    """List the fields of an event's acknowledgement."""
    if name in _ACKNOWLEDGED:
        return _ACKNOWLEDGED[name]
    return tuple(field for field in _OPERATION[name].reply.model_fields if field not in WriteReply.model_fields)


def _client_event(name: str, event: ClientEvent) -> Iterator[str]:
    yield f"### `{name}`"
    others = [_in_code(other) for other in names_of(name)[1:]]
    also = f" Other names: {', '.join(others)}." if others else ""
    yield _does(name) + also
    yield field_table(event.body, without=COMMON, meanings=FIELDS, nested=False)
    if message := _example(event.body):
        yield example(message)
    yield f"Acknowledged with {', '.join(map(_in_code, acknowledgement(name)))}.{_failure(event)}"


def _frame() -> Iterator[str]:
    names = [name for event in ("attempt_audio_frame", "attempt_chat_speak") for name in names_of(event)]
    yield f"Names: {', '.join(map(_in_code, names))}."
    yield table(("field", "type", "meaning"), [(f"`{name}`", _frame_type(name), _FRAME[name]) for name in _FRAME])


def _frame_type(name: str) -> str:
    return f"binary, or base64; 1 to {FRAME_LIMIT} bytes" if name == "audio" else "string"


def _failure(event: ClientEvent) -> str:
    """Name the server event that reports a failure besides the acknowledgement."""
    refusals = [_in_code(event.row.answers)] if event.row.answers else []
    match event.row.kind:
        case "generation":
            refusals.append("`chat_generation_error`")
        case "test":
            refusals.append("`test_error`")
        case kind:
            refusals.append(f"`attempt_error` of the type `{kind}`" if kind else "`attempt_error`")
    return f" Refused: {' and '.join(refusals)}."


def _does(name: str) -> str:
    operation = _OPERATION.get(name)
    said = operation.summary if operation else (EVENTS.by_name[name].run.__doc__ or "").strip().splitlines()[0]
    return f"{said.rstrip('.')}."


def _fields(body: type[BaseModel]) -> str:
    shown = []
    for name, field in body.model_fields.items():
        if name not in COMMON:
            shown.append(f"`{name}`" if field.is_required() else f"`{name}?`")
    return ", ".join(shown)


def _example(body: type[BaseModel]) -> dict[str, Any]:
    extra = body.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    first = examples[0] if isinstance(examples, list) and examples else {}
    return first if isinstance(first, dict) else {}


def _server_events(events: tuple[ServerEvent, ...]) -> str:
    rows = [(_in_code(event.name), event.when, " ".join(map(_in_code, event.fields.split()))) for event in events]
    heard = {event.to for event in events}
    who = f"Heard by {heard.pop()}.\n\n" if len(heard) == 1 else ""
    columns = ("event", "when", "payload")
    if who:
        return who + table(columns, rows)
    return table((*columns, "heard by"), [(*row, event.to) for row, event in zip(rows, events, strict=True)])


def _carried() -> set[str]:
    return {field for events in FAMILIES.values() for event in events for field in event.possible}


def _in_code(name: str) -> str:
    return f"`{name}`"


if __name__ == "__main__":
    renew(sys.argv[1:], parts())
