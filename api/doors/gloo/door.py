"""Authentication and errors of Gloo's interface."""

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse

from api.auth import authenticates, request_grant
from api.doors.refusals import Failure, detail, route_class
from api.external import external_of
from models.records.core import User


def render(failure: Failure) -> Response:
    """Render a failure in the interface's shape: `{"detail": ...}`."""
    if failure.status == 401:
        return JSONResponse({"detail": "Unauthorized"}, 401, failure.headers)
    return detail(failure)


GlooRoute = route_class(render)


@authenticates
async def gloo_user(request: Request) -> User:
    """Find the user of a request.

    Raises:
        Unauthorized: the token is missing, unknown or expired.
        Forbidden: its scope does not include this door.
        TooMany: too many requests.
    """
    user = (await request_grant(request, "gloo")).user
    await external_of(request).limits.take("gloo", user.id)
    return user


GlooUser = Annotated[User, Depends(gloo_user)]
