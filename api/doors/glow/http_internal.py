"""Requests of the other processes of this service, which share its database and `GLOW_GATEWAY_SECRET`.

`POST /internal/operation` carries out what another process forwards, `POST /internal/release` gives a call to it.
"""

import hmac
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from api.auth import authenticates
from api.doors.glow.carrying_out import carry_out, rendered
from api.doors.glow.forwarding import GRANT, ForwardedBody
from api.doors.glow.operation import Operation
from api.doors.guarded import GuardedRoute
from api.doors.refusals import failure_of
from api.neighbours import SECRET_HEADER
from api.service import Service
from models.errors import Invalid
from pipeline.practice.progress import REFUSALS


class ReleaseBody(BaseModel):
    """A call that another process goes on with; without a token's hash only if nobody attends it."""

    user_id: str
    chat_id: str
    resume_hash: str | None = None


@authenticates
async def neighbour(request: Request) -> None:
    """Check the secret of a request of another process."""
    service: Service = request.app.state.service
    secret = service.settings.gateway_secret
    if secret is None:
        raise HTTPException(404)
    offered = request.headers.get(SECRET_HEADER, "")
    if not hmac.compare_digest(secret.get_secret_value().encode(), offered.encode("utf-8", "replace")):
        raise HTTPException(403, "This is for the processes of this service alone.")


Neighbour = Annotated[None, Depends(neighbour)]


def router_of(operations: Mapping[str, Operation]) -> APIRouter:
    """Make the routes for the other processes.

    Args:
        operations: by their keys.
    """
    router = APIRouter(prefix="/internal", include_in_schema=False, route_class=GuardedRoute)

    @router.post("/release")
    async def release(_: Neighbour, request: Request, body: ReleaseBody) -> dict[str, bool]:
        calls = request.app.state.service.calls
        return {"released": await calls.release(body.user_id, body.chat_id, body.resume_hash)}

    @router.post("/operation")
    async def operation(_: Neighbour, request: Request, body: ForwardedBody) -> JSONResponse:
        service: Service = request.app.state.service
        try:
            wanted = operations.get(body.key)
            if wanted is None:
                raise Invalid("Another version of the service forwards this; try again in a moment.")
            grant, said = GRANT.validate_python(body.grant), wanted.body.model_validate(body.body)
            service = service.asked_from(body.asker) if body.asker else service
            reply = await carry_out(service, grant, wanted, said, forwarded=True)
        except (*REFUSALS, ValidationError) as error:
            failure = failure_of(error)
            return JSONResponse({"message": failure.message, "code": failure.code}, failure.status, failure.headers)
        return JSONResponse(rendered(reply))

    return router
