"""Telnyx by HTTP: its webhooks answer calls, and tell of their end.

    POST /phone/telnyx          webhooks of Call Control, signed with Ed25519
    WS   /phone/telnyx/stream   a call; the ticket of its answer is in the handshake

Source: https://developers.telnyx.com, "Call Control" and "Webhook signing".
"""

import base64
import binascii
import logging
import time
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter, HTTPException, Request, Response, WebSocket

from api.doors.http_rules import release_lease
from api.doors.line import WebSocketWire
from api.doors.telephone.calling import CallRefused, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from api.doors.telephone.telnyx import TelnyxDialect, format_of
from api.doors.telephone.webhooks import CarrierRest, CarrierUnreachable, inner, webhook_body, webhook_fields
from api.settings import Settings

log = logging.getLogger(__name__)

PATH = "/phone/telnyx"
STREAM = f"{PATH}/stream"
SIGNED_WITHIN_S = 300
"""How old a webhook's signature may be."""

TICKET_HEADER = "x-telnyx-streaming-auth-token"
LARGEST_MESSAGE = 65_536
OVER = "90018"
"""Telnyx's code for a call that is over already."""

L16_HZ = 16_000

router = APIRouter()


def telnyx_rest(settings: Settings) -> CarrierRest:
    """Make the requests to Telnyx."""
    key = settings.telnyx_api_key.get_secret_value() if settings.telnyx_api_key else ""
    return CarrierRest(
        settings.telnyx_base_url, lambda: f"Bearer {key}", lambda status, body: status == 422 and OVER in body
    )


def is_signed(public_key: str, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """Return whether a webhook is Telnyx's, and new.

    Args:
        public_key: of the account, base64.
        timestamp, signature: the headers telnyx-timestamp and telnyx-signature-ed25519.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + b"|" + body)
        return abs(now - int(timestamp)) <= SIGNED_WITHIN_S
    except (InvalidSignature, ValueError, binascii.Error):
        return False


@router.post(PATH, tags=["telephone"], include_in_schema=False)
async def telnyx_webhook(request: Request) -> Response:
    """Take a webhook; what it asks for is done after it is answered."""
    desk: Desk = request.app.state.telephone
    settings, body = desk.service.settings, await webhook_body(request)
    timestamp = request.headers.get("telnyx-timestamp", "")
    signature = request.headers.get("telnyx-signature-ed25519", "")
    if not settings.telnyx_public_key or not is_signed(
        settings.telnyx_public_key, timestamp, signature, body, time.time()
    ):
        raise HTTPException(403, "The signature is not of GLOW_TELNYX_PUBLIC_KEY, or older than five minutes.")
    data = inner(webhook_fields(body), "data")
    rest: CarrierRest = request.app.state.phone_listeners.telnyx
    desk.run(_take(desk, rest, str(data.get("event_type", "")), inner(data, "payload")), "telnyx webhook")
    return Response(status_code=200)


@router.websocket(STREAM)
async def telnyx_stream(websocket: WebSocket) -> None:
    """Carry a call; without the ticket of its answer the handshake is refused."""
    desk: Desk = websocket.app.state.telephone
    announced = await desk.announced_by(websocket.headers.get(TICKET_HEADER, ""))
    if announced is None or announced.line != TelnyxDialect.line:
        await websocket.close(1008)  # before it is accepted: HTTP 403
        return
    await websocket.accept()
    spoken = format_of(desk.service.settings.telnyx_codec, L16_HZ)
    rest: CarrierRest = websocket.app.state.phone_listeners.telnyx
    dialect = TelnyxDialect(desk, announced, spoken, rest, partial(release_lease, websocket.scope))
    await PhoneLine(WebSocketWire(websocket, LARGEST_MESSAGE), dialect, desk).serve()


async def _take(desk: Desk, rest: CarrierRest, event: str, payload: dict[str, Any]) -> None:
    call_id = str(payload.get("call_control_id", ""))
    origin = _origin(payload)
    match event:
        case "call.initiated" if payload.get("direction") == "incoming":
            await _answer(desk, rest, call_id, payload)
        case "call.bridged" | "call.answered" if origin:
            await desk.tell("telnyx", origin, "transferred", answered=True)
        case "call.hangup" if origin and await desk.tell("telnyx", origin, "transferred") is not None:
            pass
        case "call.hangup":
            await desk.tell("telnyx", call_id, "hang_up")
        case _:
            pass


async def _answer(desk: Desk, rest: CarrierRest, call_id: str, payload: dict[str, Any]) -> None:
    """Answer a call, with a stream to us; or reject it."""
    settings = desk.service.settings
    incoming = Incoming("telnyx", call_id, str(payload.get("from", "")), str(payload.get("to", "")))
    try:
        await desk.announced(incoming)
    except CallRefused:
        await _try(rest, f"/v2/calls/{call_id}/actions/reject", {"cause": "CALL_REJECTED"})
        return
    url = settings.phone_url.replace("http", "ws", 1) + STREAM
    body = {
        "stream_url": url,
        "stream_track": "inbound_track",
        "stream_bidirectional_mode": "rtp",  # by default mp3, and then nothing of ours is heard
        "stream_bidirectional_codec": settings.telnyx_codec,
        "stream_bidirectional_sampling_rate": L16_HZ if settings.telnyx_codec == "L16" else 8_000,
        "stream_auth_token": desk.tickets.issue(incoming),
    }
    await _try(rest, f"/v2/calls/{call_id}/actions/answer", body)


async def _try(rest: CarrierRest, path: str, body: dict[str, Any]) -> None:
    try:
        await rest.send("POST", path, body)
    except CarrierUnreachable as error:
        log.error("Telnyx: %s", error)


def _origin(payload: dict[str, Any]) -> str:
    """Return the call that a leg of a transfer belongs to; empty for others."""
    try:
        return base64.b64decode(str(payload.get("client_state") or ""), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
