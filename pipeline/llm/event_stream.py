"""Reading of a streamed answer: server-sent events, or the plain JSON that some servers send in their place."""

import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, cast

import openai
from openai import AsyncStream

EVENT_LIMIT = 2_000_000
"""Maximum bytes of one line, of one event, and of a plain JSON answer."""

_END = "[DONE]"


class AnswerStream:
    """The chunks of one answer as JSON objects, read from the library's response.

    The library's own reader loses a first event behind a byte order mark, an answer that is plain JSON, and that the
    server said `[DONE]`.

    Attributes:
        complete: the server said that this was all of it, by `[DONE]` or a whole answer in plain JSON.
    """

    def __init__(self, stream: AsyncStream[Any]) -> None:
        self.complete = False
        self._response = stream.response
        self._bytes = cast(AsyncIterator[bytes], self._response.aiter_bytes())
        self._lines: deque[bytes] = deque()
        self._partial = bytearray()
        self._data: list[str] = []
        self._size = 0
        self._first = True
        self._exhausted = False

    async def next(self) -> dict[str, Any] | None:
        """Return the next chunk; None at the end.

        Raises:
            openai.APIConnectionError: the connection broke.
            openai.APIError: the server reported an error in place of a chunk.
            ValueError, TypeError: this is not the protocol, or larger than `EVENT_LIMIT`.
        """
        while not self.complete:
            if (line := await self._line()) is None:
                return self._event()
            if self._first and not line.strip():
                continue
            if self._first and line.lstrip()[:1] in ("{", "["):
                return await self._whole(line)
            self._first = False
            name, _, value = line.partition(":")
            if name == "data":
                self._keep(value.removeprefix(" "))
            elif not line and self._data and (event := self._event()) is not None:
                return event
        return None

    async def drain(self) -> None:
        """Read the rest and ignore it, so that the connection can be used again."""
        while not self._exhausted:
            await self._more()
            self._lines.clear()

    async def close(self) -> None:
        """Close the response."""
        await self._response.aclose()

    def _event(self) -> dict[str, Any] | None:
        """Return the chunk of the event that ends here; None without one, or at `[DONE]`."""
        data, self._data, self._size = "\n".join(self._data), [], 0
        if data.startswith(_END):
            self.complete = True
        if self.complete or not data.strip():
            return None
        return self._parsed(data)

    def _keep(self, data: str) -> None:
        self._size += len(data)
        if self._size > EVENT_LIMIT:
            raise ValueError("an event is too large")
        self._data.append(data)

    async def _whole(self, first: str) -> dict[str, Any]:
        """Return an answer that is plain JSON, over any number of lines."""
        line: str | None = first
        while line is not None:
            self._keep(line)
            line = await self._line()
        self.complete = True
        return self._parsed("\n".join(self._data))

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            chunk = json.loads(text)
        except RecursionError:
            raise ValueError("the JSON is too deep") from None
        if not isinstance(chunk, dict):
            raise TypeError("a chunk is not an object")
        if chunk.get("error"):
            raise openai.APIError("The server reported an error.", self._response.request, body=None)
        return chunk

    async def _line(self) -> str | None:
        """Return the next line without its end; None after the last."""
        while not self._lines and not self._exhausted:
            await self._more()
        if not self._lines:
            return None
        line = self._lines.popleft().decode("utf-8", "replace")
        return line.removeprefix("\ufeff")

    async def _more(self) -> None:
        try:
            data = await anext(self._bytes, None)
        except Exception as error:  # the library lets errors of its HTTP library through here
            raise openai.APIConnectionError(request=self._response.request) from error
        if data is None:
            self._exhausted = True
            data = b"\n" if self._partial else b""
        self._partial += data
        if b"\n" in data:
            *lines, rest = bytes(self._partial).replace(b"\r\n", b"\n").split(b"\n")
            self._lines.extend(lines)
            self._partial = bytearray(rest)
        if len(self._partial) > EVENT_LIMIT:
            raise ValueError("a line is too long")
