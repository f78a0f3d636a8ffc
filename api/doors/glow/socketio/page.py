"""The tables of docs/socketio.md, made from the events and the operations.

`python -m api.doors.glow.socketio.page docs/socketio.md` renews them.
"""

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from pydantic import BaseModel

from api.doors.glow.operations.registry import OPERATIONS, AnyOperation
from api.doors.glow.operations.shapes import WriteBody, WriteReply
from api.doors.glow.socketio import seats
from api.doors.glow.socketio.connections import ADMIT_S, AT_ONCE_LIMIT, ROOMS_LIMIT, UNREAD_LIMIT
from api.doors.glow.socketio.events import Event
from api.doors.glow.socketio.names import CANONICAL, V5, VOICE, names_of
from api.doors.glow.socketio.seats import FRAME_LIMIT
from api.doors.glow.socketio.server_events import FAMILIES, FIELDS, ServerEvent
from api.doors.glow.socketio.table import EVENTS
from api.doors.reference import example, field_table, renew, table
from api.settings import Settings
from pipeline.chats.hub import WAITING_LIMIT

COMMON = tuple(WriteBody.model_fields)
"""What every body has that changes something; the page explains it once."""

_FRAME = {"chat_id": "The chat whose call hears it; or `conversation_id`.", "audio": FIELDS["audio"]}

_SAME_AS = {
    "attempt_start": "attempt.start",
    "attempt_audio_start": "attempt.chat_voice",
    "attempt_audio_stop": "attempt.chat_silence",
    "attempt_audio_mute": "attempt.chat_mute",
}
"""Events with a function of their own, and the operation whose reply acknowledges them, too."""

_ACKNOWLEDGED = {
    "generate": ("group_id", "run_id", "success"),
    "attempt_join": ("chat_id", "success"),
    "attempt_leave": ("chat_id", "success"),
    "test_join": ("invocation_id", "success"),
    "test_leave": ("invocation_id", "success"),
}
"""The same for those whose acknowledgement is no operation's reply."""


_LIMITS = (
    ("operations of one socket under way", AT_ONCE_LIMIT, f"it is not read; after {ADMIT_S:g} s the next is refused"),
    ("rooms that one socket hears", ROOMS_LIMIT, "the next is refused"),
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
    """What is generated of the page, by the names of its parts."""
    v5 = [name for name in (*V5, *VOICE) if name in EVENTS]
    return {
        "client events": "\n\n".join(text for name in v5 for text in _client_event(name, EVENTS[name])),
        "frames": "\n\n".join(_frame()),
        "operations": table(
            ("event", "what it does", "payload"),
            [(_in_code(name), _does(EVENTS[name]), _fields(EVENTS[name].body)) for name in CANONICAL if name not in v5],
        ),
        "server events": "\n\n".join(f"### {title}\n\n{_server_events(events)}" for title, events in FAMILIES.items()),
        "limits": table(("limit", "", "beyond it"), [(what, f"{most:,}", then) for what, most, then in _LIMITS]),
        "fields": table(
            ("field", "meaning"), [(f"`{name}`", FIELDS[name]) for name in sorted(_carried()) if name in FIELDS]
        ),
    }


def acknowledgement(name: str) -> tuple[str, ...]:
    """The fields with which an event is acknowledged."""
    if name in _ACKNOWLEDGED:
        return _ACKNOWLEDGED[name]
    operation = _operation(EVENTS[name]) or OPERATIONS[_SAME_AS[name]]
    return tuple(field for field in operation.reply.model_fields if field not in WriteReply.model_fields)


def _client_event(name: str, event: Event) -> Iterator[str]:
    yield f"### `{name}`"
    others = [_in_code(other) for other in names_of(name)[1:]]
    also = f" Other names: {', '.join(others)}." if others else ""
    yield _does(event) + also
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


def _failure(event: Event) -> str:
    """What tells of a failure besides the acknowledgement."""
    told = [_in_code(event.answers)] if event.answers else []
    match event.kind:
        case "generation":
            told.append("`chat_generation_error`")
        case "test":
            told.append("`test_error`")
        case kind:
            told.append(f"`attempt_error` of the type `{kind}`" if kind else "`attempt_error`")
    return f" Refused: {' and '.join(told)}."


def _does(event: Event) -> str:
    operation = _operation(event)
    said = operation.summary if operation else (event.run.__doc__ or "").strip().splitlines()[0]
    return f"{said.rstrip('.')}."


def _operation(event: Event) -> AnyOperation | None:
    keywords = event.run.keywords if isinstance(event.run, partial) else {}
    return OPERATIONS[keywords["operation"]] if "operation" in keywords else None


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
