"""The beginning of a Realtime session, over any transport: who connects, to whom, and how it is configured."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from api.doors.line import DictationOnly, StandingChat
from api.doors.openai.door import offered_protocols
from api.doors.openai.realtime.dialect import RealtimeDialect
from api.doors.openai.realtime.items import new_name
from api.doors.openai.realtime.session import LONGEST_S, RealtimeSession
from api.doors.openai.targets import Target, UnknownModel, personas_of, target_of
from api.doors.openai.voices import voices_of
from api.service import Service
from models.records.core import Grant, Persona
from pipeline.conversation.conversation import Conversation

BETA_PROTOCOL = "openai-beta.realtime-v1"
BETA_HEADER = "realtime=v1"

NO_CHATS = "A browser's secret begins chats of its own: name a persona or a practice."


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """A session that may begin.

    Attributes:
        target: who is talked to; None for a transcription session.
    """

    grant: Grant
    target: Target | None
    session: RealtimeSession

    def dialect(
        self,
        service: Service,
        *,
        beta: bool,
        opened: Callable[[], None] = lambda: None,
        kind: type[RealtimeDialect] = RealtimeDialect,
    ) -> RealtimeDialect:
        """Make the dialect that carries it.

        Args:
            beta: the client speaks the beta dialect.
            opened: called when the call is open.
            kind: the class, by the transport.
        """
        return kind(
            self.grant,
            DictationOnly() if self.target is None else self.target.chat,
            self.session,
            beta=beta,
            engines=service.engines,
            conversation=partial(_conversation, service, self.grant),
            persona_id=None if self.target is None else self.target.persona.id,
            opened=opened,
        )


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


async def session_of(
    service: Service,
    grant: Grant,
    model: str | None,
    *,
    transcribes: bool = False,
    given: dict[str, Any] | None = None,
) -> SessionOpening:
    """Make the session that a client begins with.

    Args:
        model: what it names in its address; None for nothing.
        transcribes: it only wants to know what is said.
        given: the session as it asks for it, on top of what its secret is bound to.

    Raises:
        UnknownModel: the model is none of this user's, or none for a browser's secret.
        RealtimeError: the session cannot be so.
    """
    bound = await service.store.session_of_token(grant.credential_id) if grant.scope == "realtime" else None
    parts = [part for part in (bound, given) if part]
    kinds = [part["type"] for part in parts if isinstance(part.get("type"), str)]
    transcribes = transcribes or (kinds[-1:] == ["transcription"])
    named = [model, *(part.get("model") for part in reversed(parts))]
    wanted = next((name for name in named if isinstance(name, str) and name), None)
    target = None if transcribes else await target_of(service, grant, wanted)
    if target is not None and grant.scope == "realtime" and isinstance(target.chat, StandingChat):
        raise UnknownModel(NO_CHATS)
    voice = target.persona.id if target is not None else "none"
    session = new_session(service, target.name if target else "", voice, await personas_of(service, grant))
    session.transcribes = transcribes
    for part in parts:
        session.merge({"type": "transcription" if transcribes else "realtime", **part})
    return SessionOpening(grant, target, session)


def _conversation(service: Service, grant: Grant, chat_id: str) -> Conversation:
    call = service.calls.find(grant.user.id, chat_id=chat_id)
    assert call is not None  # its line asks
    return call.session.conversation
