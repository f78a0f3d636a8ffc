"""`WS /v1/realtime`: OpenAI's Realtime interface, with a persona, a practice or a chat as the model."""

from functools import partial

from fastapi import APIRouter, WebSocket
from starlette.requests import HTTPConnection

from api.auth import address_of, check_right, grant_for
from api.auth.scopes import REALTIME
from api.doors.http_rules import release_lease
from api.doors.line import DictationOnly, Line, StandingChat, WebSocketWire
from api.doors.openai.door import key_of, offered_protocols, render
from api.doors.openai.realtime.dialect import RealtimeDialect
from api.doors.openai.realtime.items import new_name
from api.doors.openai.realtime.session import LONGEST_S, RealtimeSession
from api.doors.openai.targets import Target, UnknownModel, personas_of, target_of
from api.doors.openai.voices import voices_of
from api.doors.refusals import failure_of
from api.doors.socket_rules import SocketRules
from api.service import Service
from models.errors import ModelError
from models.records.core import Grant, Persona
from pipeline.conversation.conversation import Conversation
from pipeline.errors import PipelineError

PATH = "/v1/realtime"
MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of an event that is read; what is over the dialect's own limit is answered with an error."""

RULES = SocketRules(max_bytes=MESSAGE_LIMIT)

BETA_PROTOCOL = "openai-beta.realtime-v1"
BETA_HEADER = "realtime=v1"

NO_CHATS = "A browser's secret begins chats of its own: name a persona or a practice."

router = APIRouter()


@router.websocket(PATH)
async def realtime(websocket: WebSocket) -> None:
    """Carry a session over one websocket; who may have none is refused before it is accepted."""
    service: Service = websocket.app.state.service
    try:
        grant, target, session = await _session(service, websocket)
    except (ModelError, PipelineError) as error:
        await _refuse(websocket, error)
        return
    offered = offered_protocols(websocket)
    await websocket.accept(subprotocol="realtime" if "realtime" in offered else None)
    dialect = RealtimeDialect(
        grant,
        DictationOnly() if target is None else target.chat,
        session,
        beta=is_beta(websocket),
        engines=service.engines,
        conversation=partial(_conversation, service, grant),
        persona_id=None if target is None else target.persona.id,
        opened=partial(release_lease, websocket.scope),
    )
    patience = getattr(websocket.app.state, "patience", None)
    await Line(WebSocketWire(websocket, MESSAGE_LIMIT), dialect, service, patience=patience).serve()


def is_beta(connection: HTTPConnection) -> bool:
    """Return whether a client speaks the beta dialect, by its header or, in a browser, by its subprotocol."""
    return BETA_HEADER in connection.headers.get("openai-beta", "") or BETA_PROTOCOL in offered_protocols(connection)


def new_session(service: Service, model: str, voice: str, personas: list[Persona]) -> RealtimeSession:
    """Make a session of the defaults."""
    return RealtimeSession(
        id=new_name("sess"),
        model=model,
        expires_at=int(service.store.now().timestamp()) + LONGEST_S,
        voice=voice,
        voices=voices_of(personas),
        silence_ms=service.settings.endpoint_ms,
    )


async def _session(service: Service, websocket: WebSocket) -> tuple[Grant, Target | None, RealtimeSession]:
    """Find who connects, whom they talk to, and the session that they begin with.

    Raises:
        Unauthorized, Forbidden, UnknownModel: they may not, or not with that.
    """
    grant = await grant_for(service.store, service.settings, key_of(websocket), address_of(websocket))
    check_right(grant, REALTIME)
    asked = websocket.query_params
    config = await service.store.session_of_token(grant.credential_id) if grant.scope == "realtime" else None
    transcribes = asked.get("intent") == "transcription" or (config or {}).get("type") == "transcription"
    target = None if transcribes else await target_of(service, grant, asked.get("model") or (config or {}).get("model"))
    if target is not None and grant.scope == "realtime" and isinstance(target.chat, StandingChat):
        raise UnknownModel(NO_CHATS)
    voice = target.persona.id if target is not None else "none"
    session = new_session(service, target.name if target else "", voice, await personas_of(service, grant))
    session.transcribes = transcribes
    if config:
        session.merge(config)
    return grant, target, session


def _conversation(service: Service, grant: Grant, chat_id: str) -> Conversation:
    call = service.calls.find(grant.user.id, chat_id=chat_id)
    assert call is not None  # its line asks
    return call.session.conversation


async def _refuse(websocket: WebSocket, error: Exception) -> None:
    """Answer the handshake with an HTTP error in the interface's shape."""
    response = render(failure_of(error))
    if "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(response)
    else:
        await websocket.close(1008)
