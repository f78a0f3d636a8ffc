"""Messages of the bus, in packets of a bounded size: a header in JSON, and bytes behind it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

MESSAGE_LIMIT = 1024 * 1024
"""Most bytes of a message. The text of a long reply is a hundredth of that."""

_WHOLE, _PART, _LAST = b"=", b"+", b"."

_NUMBER_DIGITS = 8


@dataclass(frozen=True, slots=True)
class BusMessage:
    """A message.

    Attributes:
        sender: the process that sent it.
        kind: what it is, such as "event" or "stop".
        body: JSON values.
        data: bytes that belong to it, such as audio.
    """

    sender: str
    kind: str
    body: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""

    def encoded(self) -> bytes:
        """Encode it; without data it is ASCII."""
        # Escaped JSON has no line feed of its own, and can be cut anywhere.
        return json.dumps([self.sender, self.kind, self.body], default=str).encode() + b"\n" + self.data


def decoded(message: bytes) -> BusMessage:
    """Decode a message.

    Raises:
        ValueError: it is none.
    """
    header, _, data = message.partition(b"\n")
    match json.loads(header):
        case [str(sender), str(kind), dict(body)]:
            return BusMessage(sender, kind, body, data)
    raise ValueError("This is no message of the bus.")


def packets_of(sender: str, message: bytes, packet_bytes: int, numbers: Iterator[int]) -> Iterator[bytes]:
    """Cut a message into packets of at most `packet_bytes`.

    Args:
        numbers: numbers the sender's packets: of two that are the same PostgreSQL would bring one.
    """
    name = sender.encode() + b"\n"
    room = packet_bytes - len(name) - 1 - _NUMBER_DIGITS - 1
    for start in range(0, len(message), room):
        ends = start + room >= len(message)
        kind = (_WHOLE if start == 0 else _LAST) if ends else _PART
        number = b"%0*x" % (_NUMBER_DIGITS, next(numbers) % 16**_NUMBER_DIGITS)
        yield kind + name + number + b"\n" + message[start : start + room]


class Assembler:
    """Puts the packets of each sender together again. What is cut off by a lost connection is dropped."""

    def __init__(self) -> None:
        self._begun: dict[bytes, bytearray] = {}

    def put(self, packet: bytes) -> bytes | None:
        """Take a packet; return the message that it completes."""
        kind, (name, _, numbered) = packet[:1], packet[1:].partition(b"\n")
        data = numbered.partition(b"\n")[2]
        begun = self._begun.pop(name, bytearray())
        if kind == _WHOLE:
            return data
        begun += data
        if kind == _LAST:
            return bytes(begun)
        if len(begun) <= MESSAGE_LIMIT:
            self._begun[name] = begun
        return None

    def forget(self, sender: str) -> None:
        """Drop what a sender has begun."""
        self._begun.pop(sender.encode(), None)

    def clear(self) -> None:
        """Drop everything that was begun."""
        self._begun.clear()
