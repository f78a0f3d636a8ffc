"""Bounds on JSON: how deep it may be nested and how many values it may hold, found before it is parsed."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from models.errors import Invalid, TooLarge

DEPTH_LIMIT = 100
"""Levels of lists and objects within each other."""

VALUES_LIMIT = 100_000
"""Values of one document, keys counted: parsed, so many take about 10 MB and 20 ms."""

LARGE_BYTES = 64 * 1024
"""A larger document is looked at and parsed in a thread."""

_TOO_DEEP = f"The JSON is nested more than {DEPTH_LIMIT} levels deep; send it flatter."
_TOO_MANY = f"The JSON holds more than {VALUES_LIMIT} values; send fewer at once."

_OPENING, _CLOSING, _SEPARATORS = b"[{", b"]}", b",:"
_MARKS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},:]', re.DOTALL)


def check_shape(document: bytes) -> None:
    """Check a JSON document's depth and number of values, without parsing it; whether it is JSON is not checked.

    Raises:
        Invalid: it is nested too deeply.
        TooLarge: it holds too many values.
    """
    opened = sum(document.count(bytes([mark])) for mark in _OPENING)
    if opened <= DEPTH_LIMIT and opened + sum(document.count(bytes([mark])) for mark in _SEPARATORS) <= VALUES_LIMIT:
        return  # even if none of the marks stood inside a text
    depth = values = 0
    for found in _MARKS.finditer(document):
        mark = document[found.start()]
        if mark in _OPENING:
            depth += 1
        elif mark in _CLOSING:
            depth -= 1
        values += mark not in _CLOSING
        if depth > DEPTH_LIMIT:
            raise Invalid(_TOO_DEEP)
        if values > 2 * VALUES_LIMIT:  # a text and the mark after it count for one
            raise TooLarge(_TOO_MANY)


async def parsed(document: bytes, parse: Callable[[bytes], Any] = json.loads) -> Any:
    """Parse a bounded JSON document; a large one in a thread.

    Args:
        parse: the parser, if not the plain one.

    Raises:
        Invalid, TooLarge: as `check_shape`.
        json.JSONDecodeError: it is not JSON, or no text.
    """

    def work() -> Any:
        check_shape(document)
        try:
            return parse(document)
        except UnicodeDecodeError as error:
            raise json.JSONDecodeError("The document is no Unicode text", "", error.start) from None

    return await asyncio.to_thread(work) if len(document) > LARGE_BYTES else work()
