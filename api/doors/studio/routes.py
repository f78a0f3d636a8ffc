"""The routes of the operator's page; each asks for an operator's token."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter

import models.packs as packs
from api.auth import having
from api.auth.scopes import WATCHING_CALLS
from api.doors.guarded import GuardedRoute
from api.doors.studio.shapes import GONE, CallCard, CallReply, CallsReply, PackItem, PacksReply
from api.service import Service
from models.errors import NotFound
from models.records.past_calls import CallLog
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

_CALLS, _CALL = "studio.calls", "studio.call"
"""What the processes ask each other: which calls go on there, and about one of them."""

_LOG: TypeAdapter[CallLog] = TypeAdapter(CallLog)

router = APIRouter(route_class=GuardedRoute, tags=["studio"], dependencies=[Depends(having(WATCHING_CALLS))])


@router.get("/studio/calls")
async def calls(
    request: Request,
    before: Annotated[datetime | None, Query(description="Only calls that began before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CallsReply:
    """List the calls that go on, and those that are over, the latest first."""
    service: Service = request.app.state.service
    going_on = await _going_on(service) if before is None else []
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
    log = await _found(service, call_id)
    places = await service.store.call_places([log.chat_id])
    heard = await Listening(service.files).to(log.chat_id)

    def rendered() -> CallReply:
        return CallReply.of(log, places.get(log.chat_id, GONE), heard, entries_of(log))

    return await asyncio.to_thread(rendered)


@router.get("/studio/calls/{call_id}/timeline.svg", response_class=Response)
async def timeline(request: Request, call_id: str, from_s: Annotated[float, Query(ge=0, le=86_400)] = 0) -> Response:
    """Draw a part of a call's timeline, as `glow replay --picture` does."""
    service: Service = request.app.state.service
    log = await _found(service, call_id)

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
    log = await _found(service, call_id)
    sound = await Listening(service.files).part(log.chat_id, from_ms, length_ms)
    return Response(sound, 200, PRIVATE, "audio/wav")


@router.get("/studio/packs")
async def content_packs(request: Request) -> PacksReply:
    """Look over the content packs on disk, as `glow pack check` does."""
    service: Service = request.app.state.service

    def checked() -> list[PackItem]:
        return [PackItem.of(str(path), check_pack(path)) for path in (packs.DEMO_PACK, *service.settings.packs)]

    return PacksReply(packs=await asyncio.to_thread(checked))


def answer_about_timelines(service: Service) -> None:
    """Answer what other processes ask about the calls that go on in this one."""
    if service.neighbours is None:
        return
    timelines = service.timelines

    async def going_on(_: Any) -> Any:
        return [_LOG.dump_python(log, mode="json") for log in timelines.open_calls()]

    async def one(asked: Any) -> Any:
        log = timelines.going_on(str(asked["call_id"]))
        return None if log is None else await asyncio.to_thread(_LOG.dump_python, log, mode="json")

    service.neighbours.on(_CALLS, going_on)
    service.neighbours.on(_CALL, one)


async def _going_on(service: Service) -> list[CallLog]:
    """List the calls that go on, in all processes, the latest first."""
    logs = list(service.timelines.open_calls())
    if service.neighbours is not None:
        for told in await service.neighbours.each(_CALLS, {}):
            logs += [_LOG.validate_python(log) for log in told]
    return sorted(logs, key=lambda log: log.began_at, reverse=True)


async def _found(service: Service, call_id: str) -> CallLog:
    """Return a call that goes on in any process, or is over.

    Raises:
        NotFound: there is none of this id.
    """
    try:
        return await service.timelines.find(call_id)
    except NotFound:
        if service.neighbours is None or (told := await service.neighbours.first(_CALL, {"call_id": call_id})) is None:
            raise
        return await asyncio.to_thread(_LOG.validate_python, told)
