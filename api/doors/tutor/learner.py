"""The learner of a request: the token's user, or on a fresh local service its one learner."""

from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse

from api.addresses import LOOPBACK
from api.auth import LOCAL_USER, authenticates, bearer, keep_grant, request_grant
from api.doors.refusals import Failure, route_class
from api.external import external_of
from api.service import Service
from models.records.core import Grant, User

DEFAULT_LEARNER = "00000000-0000-0000-0000-000000000000"
"""The id by which the interface's clients call their learner, whoever that is here."""


def render(failure: Failure) -> Response:
    """Render a failure in the interface's shape: `{"error": sentence}`."""
    message = failure.message
    if failure.status == 413:
        message = "request entity too large"
    return JSONResponse({"error": message}, failure.status, failure.headers)


TutorRoute = route_class(render)


@authenticates
async def learner(request: Request) -> User:
    """Find the user of a request.

    The interface has no authentication. On a service that only this machine reaches and that has no tokens, a request
    without one is the local user's; otherwise it needs a Bearer token.

    Raises:
        Unauthorized: a token is needed, or the given one is not valid.
        Forbidden: its scope does not include this door.
        TooMany: too many requests.
    """
    service: Service = request.app.state.service
    token = bearer(request.headers.get("authorization"))
    if token is None and await _is_open(service, request):
        user = await service.store.user_named(LOCAL_USER)
        keep_grant(request, Grant(user))
        await external_of(request).tutor.welcome(user.id)
    else:
        user = (await request_grant(request, "tutor")).user
    await external_of(request).limits.take("tutor", user.id)
    return user


async def _is_open(service: Service, request: Request) -> bool:
    settings = service.settings
    if not settings.is_loopback or settings.public_url:
        return False
    # Neither a page of another site in this machine's browser, nor a proxy that forwards others' requests.
    origin = request.headers.get("origin")
    if request.url.hostname not in LOOPBACK or (origin and _host_of(origin) not in LOOPBACK):
        return False
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers or not _is_local(request):
        return False
    if set(settings.static_tokens.values()) - {LOCAL_USER}:
        return False
    return all(token.revoked_at for token in await service.store.list_tokens())


def _host_of(origin: str) -> str:
    return origin.partition("://")[2].rpartition(":")[0] or origin.partition("://")[2]


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


Learner = Annotated[User, Depends(learner)]


def own_id(user: User, user_id: str) -> str | None:
    """Return the store's id for the `userId` of a request; None for another user's, or none."""
    return user.id if user_id in (DEFAULT_LEARNER, user.id, user.name) else None


def shown_id(user: User) -> str:
    """Return the interface's id of a user."""
    return DEFAULT_LEARNER if user.name == LOCAL_USER else user.id
