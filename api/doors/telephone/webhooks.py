"""What the webhooks of carriers share: their bodies, bounded, and our requests to their REST interfaces in JSON."""

import json
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from fastapi import HTTPException, Request

from models.errors import ModelError

log = logging.getLogger(__name__)

LARGEST_WEBHOOK = 65_536
"""Bytes."""

REST_TIMEOUT_S = 5.0


class CarrierUnreachable(ModelError):
    """A carrier refused a request of ours, or does not answer."""

    code = "carrier_failed"
    http_status = 502


async def webhook_body(request: Request) -> bytes:
    """Read a webhook's body.

    Raises:
        HTTPException: it is too large.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_WEBHOOK:
            raise HTTPException(413, f"A webhook has at most {LARGEST_WEBHOOK} bytes.")
    return bytes(body)


def webhook_fields(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        HTTPException: it is none.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise HTTPException(422, "The body is no JSON object.")
    return fields


def inner(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return an object within objects; an empty one where there is none."""
    found: Any = fields
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


class CarrierRest:
    """Requests to a carrier. Use as an async context manager.

    Args:
        base_url: of its REST interface.
        authorization: makes the header of each request.
        over: whether a refusal only says that the call is over.
    """

    def __init__(
        self, base_url: str, authorization: Callable[[], str], over: Callable[[int, str], bool] = lambda _s, _b: False
    ) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=REST_TIMEOUT_S)
        self._authorization = authorization
        self._over = over

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Send a request; one about a call that is over is no error.

        Raises:
            CarrierUnreachable: it was refused, or nobody answers.
        """
        try:
            headers = {"Authorization": self._authorization()}
            answer = await self._http.request(method, path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise CarrierUnreachable(f"The carrier does not answer ({type(error).__name__}); try again.") from None
        if not answer.is_success and not self._over(answer.status_code, answer.text):
            log.warning("A carrier refuses %s with %d.", path.rpartition("/")[2], answer.status_code)
            raise CarrierUnreachable(f"The carrier refuses with {answer.status_code}; look at its console.")
