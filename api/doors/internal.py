"""`POST /internal/KIND`: what the other processes of this service ask, which know its `GLOW_GATEWAY_SECRET`.

What is asked, and who answers it, is registered with `Service.neighbours`; no door knows another's kinds.
"""

import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from api.auth import authenticates
from api.doors.guarded import GuardedRoute
from api.doors.refusals import failure_of, json_object
from api.gateways.neighbours import SECRET_HEADER, RemoteNeighbours
from api.service import Service
from pipeline.practice.progress import REFUSALS

router = APIRouter(prefix="/internal", include_in_schema=False, route_class=GuardedRoute)


class ReleaseBody(BaseModel):
    """A call that another process goes on with; without a token's hash only if nobody attends it."""

    user_id: str
    chat_id: str
    resume_hash: str | None = None


class OrderBody(BaseModel):
    """An order for a call that this process carries."""

    user_id: str
    chat_id: str
    order: str
    fields: dict[str, Any]


@authenticates
async def neighbour(request: Request) -> RemoteNeighbours:
    """Check the secret of a request of another process."""
    service: Service = request.app.state.service
    secret = service.settings.gateway_secret
    if secret is None or service.neighbours is None:
        raise HTTPException(404)
    offered = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(secret.get_secret_value().encode(), offered.encode("utf-8", "replace")):
        raise HTTPException(403, "This is for the processes of this service alone.")
    return service.neighbours


@router.post("/{kind}")
async def answer(request: Request, kind: str, neighbours: Annotated[RemoteNeighbours, Depends(neighbour)]) -> Any:
    """Answer another process; a refusal is `{"message": ..., "code": ...}` with its status."""
    try:
        return JSONResponse(await neighbours.answer(kind, await json_object(request)))
    except (*REFUSALS, ValidationError) as error:
        failure = failure_of(error)
        return JSONResponse({"message": failure.message, "code": failure.code}, failure.status, failure.headers)


def answer_about_calls(service: Service) -> None:
    """Answer what other processes ask about this one's calls and content."""
    neighbours, calls = service.neighbours, service.calls
    if neighbours is None:
        return

    async def release(asked: Any) -> Any:
        body = ReleaseBody.model_validate(asked)
        return {"released": await calls.release(body.user_id, body.chat_id, body.resume_hash)}

    async def order(asked: Any) -> Any:
        body = OrderBody.model_validate(asked)
        return await calls.orders.take(body.user_id, body.chat_id, body.order, body.fields)

    async def refresh(_: Any) -> Any:
        await service.practice.refreshing.reread()
        return {}

    for kind, answering in (("release", release), ("order", order), ("refresh", refresh)):
        neighbours.on(kind, answering)
