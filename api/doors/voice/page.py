"""The tables of docs/voice-websocket.md, generated from the message classes.

`python -m api.doors.voice.page docs/voice-websocket.md` updates them.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from api.doors.reference import example, field_table, renew, table
from api.doors.voice.examples import CLIENT, ERRORS, SERVER, Shown
from api.doors.voice.messages import ClientMessage
from api.settings import Settings
from voice.audio.formats import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, OPUS_RATES_HZ, Encoding

_ANY_RATE = f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ}"

_ENCODINGS = {
    "pcm16": ("yes", _ANY_RATE, "16-bit samples, little-endian"),
    "mulaw": ("yes", _ANY_RATE, "ITU-T G.711 mu-law, a byte a sample"),
    "alaw": ("yes", _ANY_RATE, "ITU-T G.711 A-law, a byte a sample"),
    "opus": ("yes", ", ".join(map(str, OPUS_RATES_HZ)), "one raw RFC 6716 packet in each message; 20 ms out"),
    "container": ("no", "its own", "an Ogg, WebM or WAV stream in pieces of any size"),
}

_LIMITS = (
    ("max_message_bytes", "bytes of one message", "error `message_too_large`, and 1009"),
    ("max_calls", "calls at once, of all users", "error `busy`, and 1013"),
    ("frames_gap_s", "seconds without audio inside an utterance", "the utterance ends"),
    ("idle_s", "seconds without any message", "error `idle`, and the call ends"),
    ("resume_s", "seconds in which a dropped call can be resumed", "the call ends"),
)

_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


def parts() -> dict[str, str]:
    """Generate the parts of the page, by name."""
    return {
        "client messages": "\n\n".join(_client()),
        "server messages": "\n\n".join(text for shown in SERVER for text in _server(shown)),
        "encodings": table(
            ("encoding", "in", "out", "rates in Hz", "what it is"),
            [(f"`{name}`", "yes", *_ENCODINGS[name]) for name in get_args(Encoding)],
        ),
        "limits": table(
            ("limit", "default", "setting", "beyond it"),
            [(what, _default(setting), f"`GLOW_{setting.upper()}`", then) for setting, what, then in _LIMITS],
        ),
        "error codes": table(
            ("code", "closes with", "what happened, and what to do"),
            [(f"`{error.code}`", str(error.closes or ""), error.meaning) for error in ERRORS],
        ),
    }


def _default(setting: str) -> str:
    value = Settings.model_fields[setting].default
    return f"{value:g}" if isinstance(value, float) else str(value)


def _client() -> Iterator[str]:
    for kind in get_args(ClientMessage):
        name = kind.model_fields["type"].annotation.__args__[0]
        yield f"### `{name}`"
        yield " ".join((kind.__doc__ or "").split())
        if set(kind.model_fields) > {"type"}:
            yield field_table(kind, without=["type"])
        yield from (example(message) for message in CLIENT if message["type"] == name)


def _server(shown: Shown) -> Iterator[str]:
    message = shown.message
    yield f"### `{message['type']}`" + (" from the service" if message["type"].startswith("chat_") else "")
    yield shown.when
    types = _types(shown)
    rows = [(f"`{name}`", types[name], shown.fields[name]) for name in message if name != "type"]
    if rows:
        yield table(("field", "type", "meaning"), rows)
    yield example(message)


def _types(shown: Shown) -> dict[str, str]:
    if not is_dataclass(shown.example):
        return {name: _KINDS[type(value)] for name, value in shown.message.items()}
    hints = get_type_hints(type(shown.example))
    return {field.name: _type(hints[field.name]) for field in fields(shown.example)}


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(hint))
    if isinstance(hint, UnionType):
        return " or ".join("null" if one is type(None) else _type(one) for one in get_args(hint))
    return _KINDS.get(hint, "")


if __name__ == "__main__":
    renew(sys.argv[1:], parts())
