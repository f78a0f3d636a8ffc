"""Vonage by HTTP: the answer webhook connects a call to our websocket.

    POST /phone/vonage          the answer URL, signed with a JWT; returns an NCCO
    POST /phone/vonage/event    the event URL
    WS   /phone/vonage/stream   a call; the ticket of its NCCO is in the handshake

Source: https://developer.vonage.com, "NCCO reference", "Signed webhooks" and "WebSockets in the Vonage Voice API".
"""

import hashlib
import hmac
import time
import uuid
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
from fastapi import APIRouter, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse

from api.doors.http_rules import release_lease
from api.doors.line import WebSocketWire
from api.doors.telephone.calling import CallRefused, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from api.doors.telephone.vonage import VonageDialect
from api.doors.telephone.webhooks import CarrierRest, webhook_body, webhook_fields
from api.settings import Settings
from models.errors import Invalid

PATH = "/phone/vonage"
SIGNED_WITHIN_S = 300
"""How old a webhook's token may be."""

TOKEN_S = 60
"""How long a token for a request of ours is good."""

RINGS_S = 30
"""How long whoever is called for a transfer may take to answer."""

CONTENT_TYPE = "audio/l16;rate=16000"
LARGEST_MESSAGE = 65_536
_FAILED = frozenset({"busy", "unanswered", "timeout", "failed", "rejected", "cancelled"})

router = APIRouter()


class VonageRest:
    """Requests to Vonage about calls."""

    def __init__(self, rest: CarrierRest) -> None:
        self.rest = rest

    async def hang_up(self, call_id: str) -> None:
        """Hang a call up; one that is over already is no error.

        Raises:
            CarrierUnreachable: it was refused.
        """
        await self.rest.send("PUT", f"/v1/calls/{call_id}", {"action": "hangup"})

    async def transfer(self, call_id: str, ncco: list[dict[str, Any]]) -> None:
        """Have a call go on with another NCCO.

        Raises:
            CarrierUnreachable: it was refused.
        """
        body = {"action": "transfer", "destination": {"type": "ncco", "ncco": ncco}}
        await self.rest.send("PUT", f"/v1/calls/{call_id}", body)


def vonage_rest(settings: Settings) -> VonageRest:
    """Make the requests to Vonage.

    Raises:
        Invalid: the private key cannot be read.
    """
    key = _private_key(settings.vonage_private_key)

    def authorization() -> str:
        now = int(time.time())
        claims = {
            "application_id": settings.vonage_application_id,
            "iat": now,
            "exp": now + TOKEN_S,
            "jti": str(uuid.uuid4()),
        }
        return f"Bearer {jwt.encode(claims, key, algorithm='RS256')}" if key else ""

    return VonageRest(CarrierRest(settings.vonage_base_url, authorization, lambda status, _body: status == 404))


def is_signed(secret: str, token: str, body: bytes, now: float) -> bool:
    """Return whether a webhook is Vonage's, new and unchanged.

    Args:
        secret: the account's signature secret.
        token: the JWT of its Authorization header.
    """
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["iat"], "verify_iat": False})
    except jwt.InvalidTokenError:
        return False
    made, expected = claims["iat"], claims.get("payload_hash")
    if not isinstance(made, int | float) or abs(now - made) > SIGNED_WITHIN_S or not isinstance(expected, str):
        return False
    return hmac.compare_digest(expected.lower().encode(), hashlib.sha256(body).hexdigest().encode())


@router.post(PATH, tags=["telephone"], include_in_schema=False)
async def vonage_answer(request: Request) -> JSONResponse:
    """Connect a call to our websocket; a number that is not served is hung up on."""
    desk: Desk = request.app.state.telephone
    fields = await _checked(request)
    names = (str(fields.get(name, "")) for name in ("uuid", "from", "to"))
    incoming = Incoming(VonageDialect.line, *(name[:200] for name in names))
    try:
        await desk.announced(incoming)
    except CallRefused:
        return JSONResponse([])
    return JSONResponse([_to_websocket(desk, incoming)])


@router.post(f"{PATH}/event", tags=["telephone"], include_in_schema=False)
async def vonage_event(request: Request) -> Response:
    """Take an event of a call, or of the leg of a transfer."""
    desk: Desk = request.app.state.telephone
    fields = await _checked(request)
    status = str(fields.get("status", ""))
    if (origin := request.query_params.get("transfer")) is not None:
        if status in ("answered", *_FAILED):
            await desk.tell(VonageDialect.line, origin, "transferred", answered=status == "answered")
    elif status in ("completed", *_FAILED):
        await desk.tell(VonageDialect.line, str(fields.get("uuid", "")), "hang_up")
    return Response(status_code=204)


@router.websocket(f"{PATH}/stream")
async def vonage_stream(websocket: WebSocket) -> None:
    """Carry a call; without the ticket of its NCCO the handshake is refused."""
    desk: Desk = websocket.app.state.telephone
    _, _, ticket = websocket.headers.get("authorization", "").partition(" ")
    announced = await desk.announced_by(ticket.strip())
    if announced is None or announced.line != VonageDialect.line:
        await websocket.close(1008)  # before it is accepted: HTTP 403
        return
    await websocket.accept()
    rest: VonageRest = websocket.app.state.phone_listeners.vonage
    carry, opened = partial(hand_over, desk, rest), partial(release_lease, websocket.scope)
    dialect = VonageDialect(desk, announced, rest.hang_up, carry, opened)
    await PhoneLine(WebSocketWire(websocket, LARGEST_MESSAGE), dialect, desk).serve()


async def hand_over(desk: Desk, rest: VonageRest, incoming: Incoming, target: str) -> None:
    """Have a call ring somebody, and come back to a websocket of ours if nobody answers.

    Raises:
        CarrierUnreachable: Vonage refuses.
    """
    await rest.transfer(incoming.call_id, [_to_phone(desk, incoming, target), _to_websocket(desk, incoming)])


def _to_websocket(desk: Desk, incoming: Incoming) -> dict[str, Any]:
    """Build the action that connects a call to us. The ticket travels in the handshake's Authorization header."""
    url = desk.service.settings.phone_url
    endpoint = {
        "type": "websocket",
        "uri": url.replace("http", "ws", 1) + f"{PATH}/stream",
        "content-type": CONTENT_TYPE,
        "authorization": {"type": "custom", "value": f"Bearer {desk.tickets.issue(incoming)}"},
    }
    return {"action": "connect", "eventUrl": [f"{url}{PATH}/event"], "endpoint": [endpoint]}


def _to_phone(desk: Desk, incoming: Incoming, target: str) -> dict[str, Any]:
    """Build the action that calls a human; the call goes on with the next one if nobody answers."""
    url = f"{desk.service.settings.phone_url}{PATH}/event?{urlencode({'transfer': incoming.call_id})}"
    return {
        "action": "connect",
        "from": incoming.called,
        "timeout": RINGS_S,
        "eventUrl": [url],
        "endpoint": [{"type": "phone", "number": target.removeprefix("+")}],
    }


async def _checked(request: Request) -> dict[str, Any]:
    """Read a webhook.

    Raises:
        HTTPException: it is not signed, too large, or no JSON object.
    """
    desk: Desk = request.app.state.telephone
    secret, body = desk.service.settings.vonage_signature_secret, await webhook_body(request)
    _, _, token = request.headers.get("authorization", "").partition(" ")
    if secret is None or not is_signed(secret.get_secret_value(), token.strip(), body, time.time()):
        raise HTTPException(403, "The token is not of GLOW_VONAGE_SIGNATURE_SECRET, older than five minutes, or wrong.")
    return webhook_fields(body)


def _private_key(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The file of GLOW_VONAGE_PRIVATE_KEY cannot be read: {error}.") from None
