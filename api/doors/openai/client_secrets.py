"""`POST /v1/realtime/client_secrets`: a short-lived key for a browser, bound to its user, a persona and a session."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from api.doors.line import StandingChat
from api.doors.openai.door import BadParameter, OpenAIRoute, user_of
from api.doors.openai.realtime.beta import flat, from_beta
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.realtime.opening import NO_CHATS, new_session
from api.doors.openai.realtime.session import RealtimeSession
from api.doors.openai.targets import personas_of, target_of
from api.service import Service
from models.records.core import Grant

MAKING_SECRETS = "openai.client_secrets"
"""The right to make keys for browsers."""

LIFETIME_S = 600

router = APIRouter(prefix="/v1/realtime", tags=["openai"], route_class=OpenAIRoute)

Maker = Annotated[Grant, Depends(user_of(MAKING_SECRETS))]


class ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="ignore")

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(default=LIFETIME_S, ge=10, le=7200)


class SecretBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    expires_after: ExpiresAfter = Field(default_factory=ExpiresAfter)
    session: dict[str, Any] | None = None


class SecretReply(BaseModel):
    value: str
    expires_at: int
    session: dict[str, Any]


@router.post("/client_secrets")
async def client_secrets(request: Request, grant: Maker, body: SecretBody | None = None) -> SecretReply:
    """Make a key that opens sessions with one persona until it expires."""
    body = body or SecretBody()
    given = {"type": "realtime", **(body.session or {})}
    secret, expires_at, session = await _made(request, grant, given, body.expires_after.seconds)
    return SecretReply(value=secret, expires_at=expires_at, session=session.echo())


@router.post("/sessions")
async def sessions(request: Request, grant: Maker, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make a key as the beta dialect asks for one."""
    return await _beta(request, grant, "session.update", body or {})


@router.post("/transcription_sessions")
async def transcription_sessions(request: Request, grant: Maker, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Make a key for a transcription session, as the beta dialect asks for one."""
    return await _beta(request, grant, "transcription_session.update", body or {})


async def _beta(request: Request, grant: Grant, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        nested = from_beta({"type": kind, "session": given})["session"]
    except RealtimeError as error:
        raise BadParameter(str(error), error.param, error.code) from None
    secret, expires_at, session = await _made(request, grant, nested, LIFETIME_S)
    return {**flat(session.echo()), "client_secret": {"value": secret, "expires_at": expires_at}}


async def _made(
    request: Request, grant: Grant, given: dict[str, Any], seconds: int
) -> tuple[str, int, RealtimeSession]:
    """Make a secret whose sessions begin as `given`.

    Raises:
        BadParameter: the session cannot be so.
        UnknownModel: its model names nothing of this user's.
    """
    service: Service = request.app.state.service
    model = given.get("model")
    if model is not None and not isinstance(model, str):
        raise BadParameter("The model is a name.", "session.model")
    target = None
    if given.get("type") != "transcription":
        target = await target_of(service, grant, model)
        if isinstance(target.chat, StandingChat):
            raise BadParameter(NO_CHATS, "session.model")
    voice = target.persona.id if target is not None else "none"
    session = new_session(service, target.name if target else "", voice, await personas_of(service, grant))
    try:
        session.merge(given)
    except RealtimeError as error:
        raise BadParameter(str(error), error.param, error.code) from None
    kept = {**given, "model": target.name} if target is not None else given
    secret, token = await service.store.create_token(
        grant.user.name,
        "browser",
        scope="realtime",
        lifetime=timedelta(seconds=seconds),
        persona_id=target.persona.id if target is not None else None,
        practice_ids=grant.practice_ids,
        configures=kept,
        made_by=grant,
    )
    assert token.expires_at is not None
    return secret, int(token.expires_at.timestamp()), session
