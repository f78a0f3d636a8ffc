"""The routes of the operator's page; each asks for an operator's token."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

import models.packs as packs
from api.auth import having
from api.auth.scopes import WATCHING_CALLS
from api.doors.guarded import GuardedRoute
from api.doors.studio.shapes import GONE, CallCard, CallReply, CallsReply, PackItem, PacksReply
from api.service import Service
from pipeline.practice.listening import LONGEST_PART_MS, Listening
from pipeline.practice.pack_check import check_pack
from pipeline.timeline.live import LIVE_LANES, entries_of
from pipeline.timeline.picture import picture_of

PICTURE_S = 120
"""How much of a call is drawn at once."""

PRIVATE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'",
}

router = APIRouter(route_class=GuardedRoute, tags=["studio"], dependencies=[Depends(having(WATCHING_CALLS))])


@router.get("/studio/calls")
async def calls(
    request: Request,
    before: Annotated[datetime | None, Query(description="Only calls that began before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CallsReply:
    """List the calls that go on, and those that are over, the latest first."""
    service: Service = request.app.state.service
    going_on = service.timelines.open_calls() if before is None else []
    past = await service.timelines.past_calls(before=before, limit=limit)
    places = await service.store.call_places(log.chat_id for log in (*going_on, *past))
    return CallsReply(
        going_on=[CallCard.of(log, places.get(log.chat_id, GONE)) for log in going_on],
        past=[CallCard.of(log, places.get(log.chat_id, GONE)) for log in past],
        before=past[-1].began_at.isoformat() if len(past) == limit else None,
    )


@router.get("/studio/calls/{call_id}")
async def call(request: Request, call_id: str) -> CallReply:
    """Return what was said in a call, its timeline, and where its words are in the recording."""
    service: Service = request.app.state.service
    log = await service.timelines.find(call_id)
    places = await service.store.call_places([log.chat_id])
    heard = await Listening(service.files).to(log.chat_id)

    def rendered() -> CallReply:
        return CallReply.of(log, places.get(log.chat_id, GONE), heard, entries_of(log))

    return await asyncio.to_thread(rendered)


@router.get("/studio/calls/{call_id}/timeline.svg", response_class=Response)
async def timeline(request: Request, call_id: str, from_s: Annotated[float, Query(ge=0, le=86_400)] = 0) -> Response:
    """Draw a part of a call's timeline, as `glow replay --picture` does."""
    service: Service = request.app.state.service
    log = await service.timelines.find(call_id)

    def drawn() -> str:
        entries = entries_of(log, from_s, from_s + PICTURE_S)
        whole_s = log.duration_ms / 1000
        about = f"{log.began_at:%Y-%m-%d %H:%M:%S} UTC, from {from_s:g} s of {whole_s:.1f} s, turns: {log.turns}"
        return picture_of(entries, log.persona, about, LIVE_LANES)

    return Response(await asyncio.to_thread(drawn), 200, PRIVATE, "image/svg+xml")


@router.get("/studio/calls/{call_id}/recording", response_class=Response)
async def recording(
    request: Request,
    call_id: str,
    from_ms: Annotated[int, Query(ge=0, le=86_400_000)] = 0,
    length_ms: Annotated[int, Query(ge=1, le=LONGEST_PART_MS)] = LONGEST_PART_MS,
) -> Response:
    """Return a part of the recording of a call's chat as a WAV file, the learner left, the persona right."""
    service: Service = request.app.state.service
    log = await service.timelines.find(call_id)
    sound = await Listening(service.files).part(log.chat_id, from_ms, length_ms)
    return Response(sound, 200, PRIVATE, "audio/wav")


@router.get("/studio/packs")
async def content_packs(request: Request) -> PacksReply:
    """Look over the content packs on disk, as `glow pack check` does."""
    service: Service = request.app.state.service

    def checked() -> list[PackItem]:
        return [PackItem.of(str(path), check_pack(path)) for path in (packs.DEMO_PACK, *service.settings.packs)]

    return PacksReply(packs=await asyncio.to_thread(checked))
