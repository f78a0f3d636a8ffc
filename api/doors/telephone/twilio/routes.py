"""Twilio's webhooks and its websocket: each is checked for its signature before anything else is done with it."""

import logging
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response, WebSocket

from api.auth.scopes import Forbidden
from api.doors.guarded import GuardedRoute
from api.doors.http_rules import release_lease
from api.doors.line import WebSocketWire
from api.doors.telephone.calling import CallRefused, Incoming
from api.doors.telephone.desk import Desk
from api.doors.telephone.phone_line import PhoneLine
from api.doors.telephone.sentences import TEXTS, RecordedSentence
from api.doors.telephone.twilio import twiml
from api.doors.telephone.twilio.dialect import LINE, ONE_MOMENT, RESTART_S, TwilioDialect
from api.doors.telephone.twilio.rest import twilio_rest
from api.doors.telephone.twilio.signature import HEADER, SETTINGS_HEADER, is_signed
from api.doors.telephone.twilio.urls import PATH, Urls
from api.settings import Settings
from models.errors import Invalid, ModelError

log = logging.getLogger(__name__)

SOCKET_PATH = PATH

MESSAGE_LIMIT = 64 * 1024
FIELDS_LIMIT = 200

OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""The states of a call that is over."""

MACHINES = frozenset({"machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax"})

UNSIGNED = "This request has no valid signature of Twilio's for GLOW_PHONE_URL and this path."
NOT_SET_UP = "There is no Twilio here: set GLOW_PHONE_URL and GLOW_TWILIO_AUTH_TOKEN."

router = APIRouter(route_class=GuardedRoute, prefix=PATH, include_in_schema=False)

Form = dict[str, str]


def _secrets(settings: Settings) -> list[str]:
    secrets = (settings.twilio_auth_token, settings.twilio_signing_key)
    return [secret.get_secret_value() for secret in secrets if secret is not None]


def _url(settings: Settings, path: str, query: str, *, socket: bool = False) -> str:
    base = "ws" + settings.phone_url.removeprefix("http") if socket else settings.phone_url
    return base + path + (f"?{query}" if query else "")


async def signed_form(request: Request) -> Form:
    """Read the form of a webhook.

    Raises:
        Forbidden: it is not signed, or no account is set up.
    """
    settings: Settings = request.app.state.settings
    if not settings.phone_url or not _secrets(settings):
        raise Forbidden(NOT_SET_UP)
    body = await request.body()
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except (UnicodeDecodeError, ValueError):
        raise Invalid("The body is no form.") from None
    url = _url(settings, request.url.path, request.url.query)
    signature, algorithm = request.headers.get(HEADER, ""), request.headers.get(SETTINGS_HEADER, "")
    if not is_signed(_secrets(settings), url, fields, signature, algorithm):
        log.warning("A request to %s is refused: no valid signature.", request.url.path)
        raise Forbidden(UNSIGNED)
    return dict(fields)


SignedForm = Annotated[Form, Depends(signed_form)]


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.telephone
    return desk


def _urls(request: Request | WebSocket) -> Urls:
    settings: Settings = request.app.state.settings
    return Urls(settings.phone_url)


def _xml(text: str) -> Response:
    return Response(text, media_type="text/xml")


def _incoming(form: Form, *, outgoing: str = "") -> Incoming:
    return Incoming(LINE, form.get("CallSid", ""), form.get("From", ""), form.get("To", ""), outgoing)


@router.post("/voice")
async def voice(request: Request, form: SignedForm) -> Response:
    """Answer a call to one of our numbers: connect it to the websocket, or do not take it."""
    incoming = _incoming(form)
    try:
        await _desk(request).announced(incoming)
    except CallRefused as refusal:
        return _xml(twiml.reject(busy=refusal.reason == "blocked"))
    except ModelError as error:
        log.error("A call cannot be answered: %s", error)
        return _xml(twiml.say_and_hang_up(TEXTS[RecordedSentence.FAILED]))
    return _xml(_urls(request).stream(_desk(request).tickets.issue(incoming)))


@router.post("/outgoing")
async def outgoing(request: Request, form: SignedForm, call: str = "") -> Response:
    """Connect a call that we made, now that it is answered."""
    record = await _desk(request).service.store.phone_call(call)
    if record is None or record.ended_at is not None or record.direction != "out":
        return _xml(twiml.hang_up())
    return _xml(_urls(request).stream(_desk(request).tickets.issue(_incoming(form, outgoing=call))))


@router.post("/after")
async def after(request: Request, form: SignedForm) -> Response:
    """Say what comes after a stream: a transfer, the same call again if its stream was lost, or the end."""
    desk, urls, call_sid = _desk(request), _urls(request), form.get("CallSid", "")
    service = desk.service
    known = await desk.tell(LINE, call_sid, "after")
    record = await service.store.phone_call_of(LINE, call_sid)
    if record is None:  # the stream never came about
        return _xml(twiml.say_and_hang_up(TEXTS[RecordedSentence.FAILED]))
    if record.ended_at is not None:
        return _xml(twiml.hang_up())
    if service.calls.closing or not service.ready.is_set():
        return _xml(twiml.come_back(ONE_MOMENT, urls.after, RESTART_S))
    if known is not None and known.transferring:
        return _xml(urls.dial(known.transferring))
    if known is not None and known.ending:
        return _xml(twiml.hang_up())
    return _xml(urls.stream(desk.tickets.issue(_again(record.id, record.direction, form))))


def _again(record_id: str, direction: str, form: Form) -> Incoming:
    return _incoming(form, outgoing=record_id if direction == "out" else "")


@router.post("/transferred")
async def transferred(request: Request, form: SignedForm) -> Response:
    """Say what comes after a transfer: the end, or the persona again if nobody answered."""
    desk, call_sid = _desk(request), form.get("CallSid", "")
    if form.get("DialCallStatus") in ("completed", "answered"):
        await desk.tell(LINE, call_sid, "transferred", answered=True)
        return _xml(twiml.hang_up())
    record = await desk.service.store.phone_call_of(LINE, call_sid)
    if record is None or record.ended_at is not None:
        return _xml(twiml.say_and_hang_up(TEXTS[RecordedSentence.FAILED]))
    return _xml(_urls(request).stream(desk.tickets.issue(_again(record.id, record.direction, form))))


@router.post("/answered")
async def answered(request: Request, form: SignedForm) -> Response:
    """Note that the human has answered; the call's own SID is the parent's."""
    await _desk(request).tell(LINE, form.get("ParentCallSid", ""), "transferred", answered=True)
    return Response(status_code=204)


@router.post("/status")
async def status(request: Request, form: SignedForm) -> Response:
    """Note that a call is over, or that its stream failed."""
    desk, call_sid = _desk(request), form.get("CallSid", "")
    if (error := form.get("StreamError")) is not None:
        log.warning("The stream of call %s failed: %s", call_sid, error[:200])
    state = form.get("CallStatus", "")
    if state in OVER and "StreamEvent" not in form:
        if await desk.tell(LINE, call_sid, "hang_up") is not None:
            pass
        elif (record := await desk.service.store.phone_call_of(LINE, call_sid)) is not None:
            await desk.service.store.end_phone_call(record.id, "no-answer" if state != "completed" else "caller")
    return Response(status_code=204)


@router.post("/machine")
async def machine(request: Request, form: SignedForm) -> Response:
    """Note that an answering machine has answered a call that we made."""
    if form.get("AnsweredBy") in MACHINES:
        await _desk(request).tell(LINE, form.get("CallSid", ""), "machine")
    return Response(status_code=204)


@router.post("/recording")
async def recording(request: Request, form: SignedForm) -> Response:
    """Keep where the carrier has put a recording."""
    store = _desk(request).service.store
    record = await store.phone_call_of(LINE, form.get("CallSid", ""))
    if record is not None and form.get("RecordingUrl"):
        await store.detail_phone_call(record.id, {"recording_url": form["RecordingUrl"][:500]})
    return Response(status_code=204)


@router.websocket("")
async def socket(websocket: WebSocket) -> None:
    """Carry a call; without a signature of its URL the handshake is answered with 403."""
    state: Any = websocket.app.state
    settings: Settings = state.settings
    url = _url(settings, websocket.url.path, websocket.url.query, socket=True)
    headers, secrets = websocket.headers, _secrets(settings)
    signature, algorithm = headers.get(HEADER, ""), headers.get(SETTINGS_HEADER, "")
    if not settings.phone_url or not is_signed(secrets, url, (), signature, algorithm):
        log.warning("A websocket to %s is refused: no valid signature.", websocket.url.path)
        await websocket.close()
        return
    await websocket.accept()
    desk: Desk = state.telephone
    rest = twilio_rest(settings)
    try:
        dialect = TwilioDialect(desk, Urls(settings.phone_url), rest, lambda: release_lease(websocket.scope))
        await PhoneLine(WebSocketWire(websocket, MESSAGE_LIMIT), dialect, desk).serve()
    finally:
        if rest is not None:
            await rest.__aexit__(None, None, None)
