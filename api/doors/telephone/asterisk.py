"""What Asterisk's dialplan says of its calls by HTTP, and its websockets.

POST /phone/asterisk        secret, uuid, from, to: a call that AudioSocket is about to bring
POST /phone/asterisk/next   secret, uuid: whom the dialplan calls now; empty for nobody
POST /phone/asterisk/over   secret, uuid: the call is over, for an extension `h`
WS   /phone/asterisk        a call of chan_websocket; the secret is the password of its Basic authentication
"""

import base64
import binascii
import hmac
import json
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, HTTPException, Request, WebSocket
from fastapi.responses import PlainTextResponse

from api.doors.http_rules import release_lease
from api.doors.line import LineRefused, WebSocketWire
from api.doors.socket_rules import SocketRules
from api.doors.telephone.asterisk_ws import AsteriskDialect
from api.doors.telephone.calling import Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine

PATH = "/phone/asterisk"
LARGEST_MESSAGE = 65_500
"""Bytes; more than that closes the connection on Asterisk's side, too."""

SOCKET_RULES = SocketRules(ping_every_s=None, pong_within_s=None, max_bytes=LARGEST_MESSAGE)
"""A ping or pong hangs the call up in versions before 2026."""

LARGEST_REQUEST = 8_192
ANNOUNCED_S = 30.0
"""How long a call may take from its announcement to its connection."""

KEPT = 1_000
"""Announcements and targets kept at once; beyond it the oldest are lost."""

_ANNOUNCED, _NEXT = "phone.asterisk.announced", "phone.asterisk.next"
"""What the processes ask each other, as the dialplan's requests may come to any of them."""

router = APIRouter()


class AsteriskCalls:
    """The calls that the dialplan has announced, and whom it is to call next.

    Args:
        desk: receives the calls.
        only_announced: others are refused.
    """

    def __init__(self, desk: Desk, *, only_announced: bool) -> None:
        self._desk = desk
        self._only_announced = only_announced
        self._announced: dict[str, tuple[float, str, str]] = {}
        self._next: dict[str, str] = {}
        self._neighbours = desk.service.neighbours
        if self._neighbours is not None:
            self._neighbours.on(_ANNOUNCED, self._announced_elsewhere)
            self._neighbours.on(_NEXT, self._next_for_another)

    async def announced(self, call_id: str, caller: str, called: str) -> None:
        """Note who calls whom, at every process: one of them has the port."""
        self.announce(call_id, caller, called)
        if self._neighbours is not None:
            await self._neighbours.each(_ANNOUNCED, {"call_id": call_id, "caller": caller, "called": called})

    async def _announced_elsewhere(self, asked: Mapping[str, Any]) -> Any:
        self.announce(*(str(asked[name]) for name in ("call_id", "caller", "called")))
        return {}

    async def _next_for_another(self, asked: Mapping[str, Any]) -> Any:
        return self.next_of(str(asked["call_id"])) or None

    async def target_of(self, call_id: str) -> str:
        """Return whom the dialplan is to call, once, whichever process the call is at."""
        if (target := self.next_of(call_id)) or self._neighbours is None:
            return target
        return str(await self._neighbours.first(_NEXT, {"call_id": call_id}) or "")

    def announce(self, call_id: str, caller: str, called: str) -> None:
        """Note who calls whom."""
        self._announced[call_id] = self._desk.clock.now() + ANNOUNCED_S, caller, called
        if len(self._announced) > KEPT:
            del self._announced[next(iter(self._announced))]

    def incoming(self, line: str, call_id: str) -> Incoming:
        """Return the call that connects: one that is back from a transfer, or that was announced, once.

        Raises:
            LineRefused: it was not, and has to be.
        """
        if (reception := self._desk.reception_of(line, call_id)) is not None:
            return reception.incoming
        until, caller, called = self._announced.pop(call_id, (0.0, "", ""))
        if until > self._desk.clock.now():
            return Incoming(line, call_id, caller, called)
        if self._only_announced:
            raise LineRefused("refused", "The call was not announced: let the dialplan POST it to /phone/asterisk.")
        return Incoming(line, call_id)

    def go_on(self, call_id: str, target: str) -> None:
        """Note whom the dialplan is to call."""
        self._next[call_id] = target
        if len(self._next) > KEPT:
            del self._next[next(iter(self._next))]

    def next_of(self, call_id: str) -> str:
        """Return whom the dialplan is to call, once."""
        return self._next.pop(call_id, "")

    async def over(self, line: str, call_id: str) -> None:
        """End a call that Asterisk has hung up, wherever it is."""
        self._next.pop(call_id, None)
        await self._desk.tell(line, call_id, "hang_up")


@router.post(PATH, tags=["telephone"], include_in_schema=False)
async def announce(request: Request) -> PlainTextResponse:
    """Take the announcement of an AudioSocket call."""
    fields = await _fields(request)
    await _calls(request).announced(fields["uuid"], fields.get("from", ""), fields.get("to", ""))
    return PlainTextResponse("OK")


@router.post(f"{PATH}/next", tags=["telephone"], include_in_schema=False)
async def next_target(request: Request) -> PlainTextResponse:
    """Say whom the dialplan is to call now."""
    fields = await _fields(request)
    return PlainTextResponse(await _calls(request).target_of(fields["uuid"]))


@router.post(f"{PATH}/over", tags=["telephone"], include_in_schema=False)
async def over(request: Request) -> PlainTextResponse:
    """Note that a call is over."""
    fields = await _fields(request)
    await _calls(request).over("audiosocket", fields["uuid"])
    return PlainTextResponse("OK")


@router.websocket(PATH)
async def chan_websocket(websocket: WebSocket) -> None:
    """Carry a call of chan_websocket; without the password the handshake is refused."""
    desk: Desk = websocket.app.state.telephone
    secret = desk.service.settings.phone_asterisk_secret
    given = _password(websocket.headers.get("authorization", ""))
    if secret is None or not _is(secret.get_secret_value(), given):
        await websocket.close(1008)  # before it is accepted: HTTP 403
        return
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(subprotocol="media" if "media" in offered else None)
    dialect = AsteriskDialect(desk, websocket.query_params, partial(release_lease, websocket.scope))
    await PhoneLine(WebSocketWire(websocket, LARGEST_MESSAGE), dialect, desk).serve()


def _calls(request: Request) -> AsteriskCalls:
    calls: AsteriskCalls = request.app.state.phone_listeners.asterisk
    return calls


async def _fields(request: Request) -> dict[str, str]:
    """Read the fields of a form, as CURL() of a dialplan sends it, or of a JSON object, and check the secret.

    Raises:
        HTTPException: 403 for a wrong secret, 422 for no UUID, 413 for too much.
    """
    body = await request.body()
    if len(body) > LARGEST_REQUEST:
        raise HTTPException(413, f"Send at most {LARGEST_REQUEST} bytes.")
    fields = _read(body)
    desk: Desk = request.app.state.telephone
    secret = desk.service.settings.phone_asterisk_secret
    if secret is None:
        raise HTTPException(403, "Set GLOW_PHONE_ASTERISK_SECRET, and send it as the field secret.")
    if not _is(secret.get_secret_value(), fields.get("secret", "")):
        raise HTTPException(403, "The field secret is not the service's GLOW_PHONE_ASTERISK_SECRET.")
    try:
        fields["uuid"] = str(uuid.UUID(fields.get("uuid", "")))
    except ValueError:
        raise HTTPException(422, "The field uuid is no UUID: make one with ${UUID()} or uuidgen.") from None
    return fields


def _read(body: bytes) -> dict[str, str]:
    text = body.decode("utf-8", "replace")
    try:
        if not text.lstrip().startswith("{"):
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise HTTPException(422, "The body is neither a form of at most 50 fields nor JSON.") from None
    fields = read if isinstance(read, dict) else {}
    return {name: str(value) for name, value in fields.items() if isinstance(value, str | int)}


def _password(header: str) -> str:
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _is(secret: str, given: str) -> bool:
    return hmac.compare_digest(secret.encode(), given.encode("utf-8", "surrogatepass"))
