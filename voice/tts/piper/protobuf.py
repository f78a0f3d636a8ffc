"""A minimal protobuf codec, to split and assemble ONNX models without the `onnx` package."""

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _BYTES = 0, 2


class WireField(NamedTuple):
    """A field of a message.

    Attributes:
        number: field number.
        raw: the encoded field, including its key.
        value: the payload of a length-delimited field (message, string, bytes); empty for others.
    """

    number: int
    raw: memoryview
    value: memoryview


def fields(message: memoryview) -> Iterator[WireField]:
    """Yield the fields of a message, in order.

    Raises:
        ValueError: not a protobuf message, or a truncated one.

    Source: protobuf encoding, protobuf.dev/programming-guides/encoding.
    """
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        start = end = at
        match key & 7:
            case 0:  # a number
                _, end = _varint(message, at)
            case 1:  # eight bytes
                end = at + 8
            case 5:  # four bytes
                end = at + 4
            case 2:  # a length and as many bytes
                length, start = _varint(message, at)
                end = start + length
            case _:
                raise ValueError("The file is not an ONNX model.")
        if end > len(message):
            raise ValueError("The model is cut short.")
        yield WireField(key >> 3, message[begin:end], message[start:end] if key & 7 == _BYTES else message[0:0])
        at = end


def values(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the payloads of the length-delimited fields with this number."""
    return (field.value for field in fields(message) if field.number == number)


def text(message: memoryview, number: int) -> str:
    """Return the last string with this field number; empty if there is none."""
    found = ""
    for value in values(message, number):
        found = str(value, "utf-8")
    return found


def encoded_field(number: int, payload: bytes) -> bytes:
    """Encode a length-delimited field."""
    return encoded_key(number, len(payload)) + payload


def encoded_key(number: int, length: int) -> bytes:
    """Encode the key and length of a length-delimited field."""
    return _encoded(number << 3 | _BYTES) + _encoded(length)


def encoded_number(number: int, value: int) -> bytes:
    """Encode a varint field."""
    return _encoded(number << 3 | _VARINT) + _encoded(value)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("The file is not a whole ONNX model.")
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
