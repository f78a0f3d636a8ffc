"""`WS /v1/realtime`: OpenAI's Realtime interface, with a persona, a practice or a chat as the model."""

from functools import partial

from fastapi import APIRouter, WebSocket

from api.auth import address_of, check_right, grant_for
from api.auth.scopes import REALTIME
from api.doors.http_rules import release_lease
from api.doors.line import Line, WebSocketWire
from api.doors.openai.door import key_of, offered_protocols, render
from api.doors.openai.realtime.opening import is_beta, session_of
from api.doors.openai.realtime.sideband import SidebandCalls, serve_sideband
from api.doors.refusals import failure_of
from api.doors.socket_rules import SocketRules
from api.service import Service
from models.errors import ModelError
from pipeline.errors import PipelineError

PATH = "/v1/realtime"
MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of an event that is read; what is over the dialect's own limit is answered with an error."""

RULES = SocketRules(max_bytes=MESSAGE_LIMIT)

router = APIRouter()


@router.websocket(PATH)
async def realtime(websocket: WebSocket) -> None:
    """Carry a session over one websocket; who may have none is refused before it is accepted."""
    service: Service = websocket.app.state.service
    asked = websocket.query_params
    try:
        grant = await grant_for(service.store, service.settings, key_of(websocket), address_of(websocket))
        check_right(grant, REALTIME)
        if (call_id := asked.get("call_id")) is not None:
            calls: SidebandCalls = websocket.app.state.realtime_calls
            call = calls.find(grant, call_id)
        else:
            opening = await session_of(service, grant, asked.get("model"), transcribes=_transcribes(websocket))
    except (ModelError, PipelineError) as error:
        await _refuse(websocket, error)
        return
    await websocket.accept(subprotocol="realtime" if "realtime" in offered_protocols(websocket) else None)
    wire = WebSocketWire(websocket, MESSAGE_LIMIT)
    if call_id is not None:
        await serve_sideband(wire, call, service.access, grant)
        return
    dialect = opening.dialect(service, beta=is_beta(websocket), opened=partial(release_lease, websocket.scope))
    patience = getattr(websocket.app.state, "patience", None)
    await Line(wire, dialect, service, patience=patience).serve()


def _transcribes(websocket: WebSocket) -> bool:
    return websocket.query_params.get("intent") == "transcription"


async def _refuse(websocket: WebSocket, error: Exception) -> None:
    """Answer the handshake with an HTTP error in the interface's shape."""
    response = render(failure_of(error))
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(response)
    else:
        await websocket.close(1008)
