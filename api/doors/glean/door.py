"""Authentication, delegation and errors of Glean's interface."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from api.auth import (
    ACT_FOR_OTHERS,
    Expired,
    Forbidden,
    Unauthorized,
    authenticates,
    check_right,
    keep_grant,
    request_grant,
)
from api.doors.refusals import Failure, route_class
from api.external import external_of
from api.service import Service
from models.records.core import User

ACT_AS = ("x-scio-actas", "x-glean-actas")
UNKNOWN_ADDRESS = (
    "Nobody is registered by the address to act for: make a token for it with `glow token create ADDRESS`, or set "
    "GLOW_ACT_FOR_UNKNOWN=true on the service."
)
NAME_LIMIT = 320
"""Longest email address, in characters."""


def render(failure: Failure) -> Response:
    """Render a failure in the interface's shape: plain text, except for a refused permission."""
    match failure.status:
        case 400 | 422:
            return PlainTextResponse(f"Invalid request: {failure.message}", 400)
        case 403:
            # Clients parse this one as an object.
            body: dict[str, Any] = {
                "errorType": "NO_PERMISSION",
                "message": failure.message,
                "createdBy": None,
                "requestableRoles": [],
                "hasPendingRequest": False,
            }
            return JSONResponse(body, 403)
        case 500 | 502 | 503:
            return PlainTextResponse("Something went wrong", 500)
        case _:
            return PlainTextResponse(failure.message, failure.status, failure.headers)


GleanRoute = route_class(render)


@authenticates
async def glean_user(request: Request) -> User:
    """Find the user of a request: the token's, or the one on whose behalf a privileged token acts.

    Raises:
        HTTPException: 401 or 400.
        Forbidden: the token's scope does not include this door, or acting for others, or nobody registered the address.
        TooMany: too many requests.
    """
    service: Service = request.app.state.service
    try:
        grant = await request_grant(request, "glean")
    except Unauthorized as error:
        reason = "Token has expired" if isinstance(error, Expired) else "Invalid Secret"
        raise HTTPException(401, f"{reason}\nNot allowed", {"WWW-Authenticate": "Bearer"}) from None
    user = grant.user
    await external_of(request).limits.take("glean", user.id)
    named = next((value.strip() for name in ACT_AS if (value := request.headers.get(name))), "")
    if not named or named == user.name:
        return user
    check_right(grant, ACT_FOR_OTHERS)
    if len(named) > NAME_LIMIT or "@" not in named:
        raise HTTPException(400, "the user to act for must be an email address")
    if service.settings.act_for_unknown:
        other = await service.store.user_named(named)
    elif (known := await service.store.user_by_name(named)) is not None:
        other = known
    else:
        raise Forbidden(UNKNOWN_ADDRESS)
    keep_grant(request, replace(grant, user=other))
    return other


GleanUser = Annotated[User, Depends(glean_user)]
