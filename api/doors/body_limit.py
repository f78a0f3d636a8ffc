"""A bound on what a request may carry, before any of it is parsed."""

import json

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 24 * 1024 * 1024
"""Bytes; the largest thing that is taken is 16 MiB of audio, in base64."""

_REFUSAL = "The request is larger than 24 MiB; send less at once."


class BodyLimit:
    """Answers 413 to requests that say they are too large, and stops reading those that turn out to be.

    Args:
        app: the application behind it.
        largest: bytes that are taken.
        spared: how paths begin whose routes take less, and say so in words of their own.
    """

    def __init__(self, app: ASGIApp, largest: int = LARGEST_BODY, spared: tuple[str, ...] = ()) -> None:
        self._app = app
        self._largest = largest
        self._spared = spared

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._spared):
            await self._app(scope, receive, send)
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._largest:
            await _refuse(send)
            return
        came = 0

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._largest:
                raise HTTPException(413, _REFUSAL)
            return message

        await self._app(scope, bounded, send)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"detail": _REFUSAL}).encode()})
