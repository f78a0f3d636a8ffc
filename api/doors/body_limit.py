"""A bound on what a request may carry, before any of it is parsed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doors.refusals import Failure, detail, failure_of
from models.errors import TooLarge

LARGEST_BODY = 24 * 1024 * 1024
"""Bytes; the largest thing that is taken is 16 MiB of audio, in base64."""

SMALLER_BODY = 10 * 1024 * 1024
"""Bytes; what the doors take that are sent texts and documents."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How large a request to some paths may be.

    Attributes:
        paths: how the paths begin.
        render: says that one is larger, in the shape of the door that they belong to.
        largest: bytes that are taken.
    """

    paths: tuple[str, ...]
    render: Callable[[Failure], Response]
    largest: int = SMALLER_BODY


EVERYWHERE = Bound(("",), detail, LARGEST_BODY)

SECRET_WITHIN = Bound(("/phone/",), detail, 64 * 1024)
"""Of requests that bring what they are allowed by in their body, which has to be read first."""


class BodyLimit:
    """Answers 413 to requests that say they are too large, and stops reading those that turn out to be.

    Args:
        app: the application behind it.
        bounds: of the paths that have one of their own; the first that fits counts.
    """

    def __init__(self, app: ASGIApp, bounds: Iterable[Bound] = ()) -> None:
        self._app = app
        self._bounds = (*bounds, SECRET_WITHIN, EVERYWHERE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on as far as it may go."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = next(bound for bound in self._bounds if scope["path"].startswith(bound.paths))
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > bound.largest:
            await _refusal(bound)(scope, receive, send)
            return
        came, answered = 0, False

        async def bounded() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > bound.largest:
                raise _too_large(bound)
            return message

        async def guarded(message: Message) -> None:
            nonlocal answered
            if answered or came <= bound.largest:  # else whatever was made of half a request is not the answer
                answered = True
                await send(message)

        try:
            await self._app(scope, bounded, guarded)
        except Exception:
            if answered or came <= bound.largest:
                raise
        if came > bound.largest and not answered:
            await _refusal(bound)(scope, receive, send)


def _refusal(bound: Bound) -> Response:
    response = bound.render(failure_of(_too_large(bound)))
    response.headers["Connection"] = "close"  # the rest of it is not read
    return response


def _too_large(bound: Bound) -> TooLarge:
    most = f"{bound.largest // 2**20} MiB" if bound.largest >= 2**20 else f"{bound.largest // 2**10} KiB"
    return TooLarge(f"The request is larger than {most}; send less at once.")
