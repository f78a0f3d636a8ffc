"""`GET /attempt/watch`: all events of one user, as server-sent events."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from api.auth import having
from api.doors.glow.http import REFUSED, service_of
from api.doors.guarded import GuardedRoute
from api.service import Service
from models.errors import StorageFailed
from models.records.core import Grant
from pipeline.chats.hub import Subscription, user_feed
from pipeline.chats.hub_event import HubEvent

router = APIRouter(tags=["attempt"], route_class=GuardedRoute)

KEEP_ALIVE_S = 15.0

Watcher = Annotated[Grant, Depends(having("attempt.watch"))]


@router.get(
    "/attempt/watch",
    response_class=StreamingResponse,
    operation_id="get_attempt_watch",
    responses={**REFUSED, 200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def watch(
    grant: Watcher, request: Request, run_id: str | None = None, group_id: str | None = None
) -> StreamingResponse:
    """Follow a run, a group, or all events of the user's own; a comment is sent after every 15 s without one."""
    service = service_of(request)
    subscription = service.hub.subscribe([user_feed(grant.user.id)], whole=True)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(service, grant, subscription, run_id, group_id), 200, headers, "text/event-stream")


async def _lines(
    service: Service, grant: Grant, subscription: Subscription, run_id: str | None, group_id: str | None
) -> AsyncIterator[str]:
    with subscription:
        await service.hub.settled()
        yield ": watching\n\n"
        with suppress(StorageFailed):
            await service.practice.lost.tell(grant.user.id)
        while True:
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    event = await subscription.next()
            except TimeoutError:
                yield ": keep-alive\n\n"
                continue
            if event is None:
                yield ": too far behind; connect again\n\n"
                return
            if (run_id and event.run_id != run_id) or (group_id and event.group_id != group_id):
                continue
            yield f"data: {json.dumps(rendered(event), ensure_ascii=False, default=_plain)}\n\n"


def rendered(event: HubEvent) -> dict[str, Any]:
    """Render an event for the stream."""
    return {
        "id": event.id,
        "event_type": event.name,
        "artifact": event.artifact,
        "operation": event.operation,
        "created_at": event.created_at.isoformat(),
        "group_id": event.group_id,
        "run_id": event.run_id,
        "entity_id": event.entity_id,
        "call_id": event.call_id,
        "tool_id": None,
        "payload": dict(event.payload),
    }


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
