"""The pages, and what they ask for: a token, what may be begun with it, and what is kept of a call."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from api.addresses import is_local
from api.auth import Unauthorized, having
from api.auth.scopes import BEGINNING_A_VISIT, SEEING_OFFERS
from api.auth.tokens import LOCAL_USER, TALK_PAGE
from api.doors.guarded import GuardedRoute
from api.doors.pages.headers import page_headers
from api.doors.pages.links import OneUseCodes
from api.service import Service
from models.errors import TooLarge
from models.records.core import Grant
from pipeline.practice.offers import Offer, OfferedChat

HTML = Path(__file__).parent / "html"

PAGES = {"/": "talk.html", "/kiosk": "kiosk.html", "/studio": "studio.html"}
"""The file of each page."""

SESSION = timedelta(hours=12)
"""How long the token of a link to the talk page opens something."""

VISIT = timedelta(minutes=30)
"""How long a visitor of a kiosk has to begin the one call of the visit."""

LONGEST_CODE = 200

OTHER_ORIGIN = "Only the page of this service, opened on its own machine, may ask for this."
USED = (
    "This link was used already, or is of an earlier start: `glow serve` prints a new one each time that one is used."
)

router = APIRouter(route_class=GuardedRoute, tags=["pages"])


class SessionReply(BaseModel):
    token: str


class VisitBody(BaseModel):
    practice_id: str = Field(max_length=200)
    persona_id: str = Field(max_length=200)


class VisitReply(BaseModel):
    token: str = Field(description="Opens one call with this persona, and nothing of other visits.")
    expires_in_s: int


class PersonaCard(BaseModel):
    persona_id: str
    name: str
    description: str
    icon: str
    color: str
    language: str


class ChatCard(BaseModel):
    position: int = Field(description="Its place in `chat_ids` of `POST /attempt/start`.")
    name: str
    description: str
    problem_statement: str
    objectives: list[str]
    personas: list[PersonaCard]


class PracticeCard(BaseModel):
    practice_id: str
    name: str
    description: str
    time_limit_s: int | None
    chats: list[ChatCard]


class Kept(BaseModel):
    """What is kept of a call, from the settings."""

    recording: bool = Field(description="Whether the sound of calls is recorded.")
    announcement: str
    days: int | None = Field(description="Days until a chat is removed; null: until somebody removes it.")


class OffersReply(BaseModel):
    user: str
    scope: str
    practices: list[PracticeCard]
    kept: Kept
    engines: dict[str, str]
    resume_s: float = Field(description="Seconds for which a dropped call can be resumed.")


def _page(file: str) -> Callable[[Request], Any]:
    async def page(request: Request) -> Response:
        secure = request.url.scheme == "https"
        service: Service = request.app.state.service
        headers = page_headers(request.headers.get("host", ""), secure=secure, embedders=service.settings.embedders)
        return FileResponse(HTML / file, headers=headers, media_type="text/html; charset=utf-8")

    return page


for path, file in PAGES.items():
    router.add_api_route(path, _page(file), methods=["GET"], include_in_schema=False)


@router.post("/page/session")
async def session(request: Request) -> SessionReply:
    """Exchange the code of a link, the body, for a token, once; for the talk page on the service's own machine."""
    if not _from_own_page(request):
        raise Unauthorized(OTHER_ORIGIN)
    read = b""
    async for part in request.stream():
        read += part
        if len(read) > LONGEST_CODE:
            raise TooLarge("A code is much shorter: take the link as it was printed.")
    codes: OneUseCodes = request.app.state.page_codes
    good, token = codes.redeem(read.decode("utf-8", "replace"))
    if not good:
        raise Unauthorized(USED)
    service: Service = request.app.state.service
    if token is None:
        token, _ = await service.store.create_token(LOCAL_USER, TALK_PAGE, lifetime=SESSION)
    page_opened: Callable[[], None] = request.app.state.page_opened
    page_opened()
    return SessionReply(token=token)


@router.get("/page/offers")
async def offers(request: Request, grant: Annotated[Grant, Depends(having(SEEING_OFFERS))]) -> OffersReply:
    """List what may be begun with this token, and what is kept of a call."""
    service: Service = request.app.state.service
    settings = service.settings
    found = await service.practice.offers.to(
        grant.user.id, practice_ids=grant.practice_ids, persona_id=grant.persona_id
    )
    return OffersReply(
        user=grant.user.name,
        scope=grant.scope,
        practices=[_practice(offer) for offer in found],
        kept=Kept(
            recording=settings.record_calls,
            announcement=settings.record_announcement if settings.record_calls else "",
            days=settings.keep_days or None,
        ),
        engines=service.shared_engines.names,
        resume_s=settings.resume_s,
    )


@router.post("/kiosk/session")
async def visit(
    request: Request, body: VisitBody, grant: Annotated[Grant, Depends(having(BEGINNING_A_VISIT))]
) -> VisitReply:
    """Begin a visit at a kiosk: exchange its device key for a token of the visitor's own, for one call."""
    service: Service = request.app.state.service
    service.access.check_practice(grant, body.practice_id)
    token, _ = await service.store.create_token(
        grant.user.name,
        "visit",
        scope="invite",
        lifetime=VISIT,
        persona_id=body.persona_id,
        practice_ids=(body.practice_id,),
    )
    return VisitReply(token=token, expires_in_s=int(VISIT.total_seconds()))


def _practice(offer: Offer) -> PracticeCard:
    return PracticeCard(
        practice_id=offer.practice.id,
        name=offer.practice.name,
        description=offer.simulation.description,
        time_limit_s=offer.simulation.time_limit_s,
        chats=[_chat(chat) for chat in offer.chats],
    )


def _chat(chat: OfferedChat) -> ChatCard:
    return ChatCard(
        position=chat.position,
        name=chat.scenario.name,
        description=chat.scenario.description,
        problem_statement=chat.scenario.problem_statement,
        objectives=list(chat.scenario.objectives),
        personas=[
            PersonaCard(
                persona_id=persona.id,
                name=persona.name,
                description=persona.description,
                icon=persona.icon,
                color=persona.color,
                language=persona.voice.language,
            )
            for persona in chat.personas
        ],
    )


def _from_own_page(request: Request) -> bool:
    """Return whether a request comes from a page of this service, addressed by a name of this machine.

    The name counts too: a page of elsewhere whose name resolves to this machine is of its own origin.
    """
    host = request.headers.get("host", "")
    origin = urlsplit(request.headers.get("origin", ""))
    return is_local(f"http://{host}") and origin.netloc == host and origin.scheme == request.url.scheme
