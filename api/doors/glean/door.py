"""Authentication, delegation and errors of Glean's interface."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from api.auth import Unauthorized, address_of, authenticates, bearer, user_for
from api.doors.refusals import Failure, route_class
from api.external import external_of
from api.service import Service
from models.records.core import User

ACT_AS = ("x-scio-actas", "x-glean-actas")
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
        HTTPException: 401 or 403.
        TooMany: too many requests.
    """
    service: Service = request.app.state.service
    token = bearer(request.headers.get("authorization"))
    try:
        user = await user_for(service.store, service.settings, token, address_of(request))
    except Unauthorized:
        expired = token is not None and await service.store.access_token_expired(token)
        reason = "Token has expired" if expired else "Invalid Secret"
        raise HTTPException(401, f"{reason}\nNot allowed", {"WWW-Authenticate": "Bearer"}) from None
    external_of(request).limits.take("glean", user.id)
    named = next((value.strip() for name in ACT_AS if (value := request.headers.get(name))), "")
    if not named or named == user.name:
        return user
    if token is None or not await service.store.may_act(token):
        raise HTTPException(403, "This token may not act for another user.")
    if len(named) > NAME_LIMIT or "@" not in named:
        raise HTTPException(400, "the user to act for must be an email address")
    return await service.store.user_named(named)


GleanUser = Annotated[User, Depends(glean_user)]
