"""`POST /v1/realtime/calls`: an offer in, an answer out; and hanging up what was begun so."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile

from api.auth.scopes import REALTIME
from api.doors.json_bounds import parsed
from api.doors.openai.door import BadParameter, OpenAIRoute, user_of
from api.doors.openai.forms import form_of, is_form
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.realtime.opening import is_beta, session_of
from api.doors.openai.webrtc.calls import RealtimeCalls
from api.service import Service
from models.errors import TooLarge
from models.records.core import Grant

PATH = "/v1/realtime/calls"
SDP_LIMIT = 64 * 1024
"""Bytes of an offer."""

router = APIRouter(prefix=PATH, tags=["openai"], route_class=OpenAIRoute)

Caller = Annotated[Grant, Depends(user_of(REALTIME))]

_OFFER: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/sdp": {"schema": {"type": "string"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["sdp"],
                    "properties": {"sdp": {"type": "string"}, "session": {"type": "string", "description": "JSON."}},
                }
            },
        },
    }
}


@router.post("", status_code=201, response_class=Response, openapi_extra=_OFFER)
async def create_call(request: Request, grant: Caller) -> Response:
    """Answer an offer; the call begins when its client connects."""
    service: Service = request.app.state.service
    calls: RealtimeCalls = request.app.state.realtime_calls
    offer, given = await _read(request)
    try:
        opening = await session_of(service, grant, request.query_params.get("model"), given=given)
    except RealtimeError as error:
        raise BadParameter(str(error), error.param, error.code) from None
    call_id, answer = await calls.open(opening, offer, beta=is_beta(request))
    return Response(answer, 201, {"Location": f"{PATH}/{call_id}"}, "application/sdp")


@router.post("/{call_id}/hangup", response_class=Response)
async def hang_up(request: Request, grant: Caller, call_id: str) -> Response:
    """End a call."""
    calls: RealtimeCalls = request.app.state.realtime_calls
    await calls.hang_up(grant, call_id)
    return Response()


@router.post("/{call_id}/{verb}", response_class=Response)
async def of_sip(request: Request, grant: Caller, call_id: str, verb: Literal["accept", "reject", "refer"]) -> Response:
    """Refuse what is for calls of SIP alone."""
    calls: RealtimeCalls = request.app.state.realtime_calls
    await calls.known(grant, call_id)
    raise BadParameter(f"This call came over WebRTC and is open: {verb} is for calls of SIP. Use hangup to end it.")


async def _read(request: Request) -> tuple[str, dict[str, Any] | None]:
    """Read the offer, and the session where there is one.

    Raises:
        BadParameter: there is no offer, or the session is no JSON object.
        TooLarge: the offer is.
    """
    if not is_form(request):
        return _offer(await request.body()), None
    async with form_of(request, "sdp") as form:
        offer, session = await _part(form, "sdp"), await _part(form, "session")
    if not session.strip():
        return _offer(offer), None
    try:
        given = await parsed(session)
    except json.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise BadParameter("The session is a JSON object.", "session")
    return _offer(offer), given


async def _part(form: FormData, name: str) -> bytes:
    value = form.get(name)
    return await value.read() if isinstance(value, UploadFile) else (value or "").encode()


def _offer(data: bytes) -> str:
    if len(data) > SDP_LIMIT:
        raise TooLarge(f"An offer has at most {SDP_LIMIT // 1024} KiB.")
    offer = data.decode("utf-8", "replace")
    if not offer.strip():
        raise BadParameter("The offer is missing: send the SDP of createOffer().", "sdp", "missing_required_parameter")
    return offer
