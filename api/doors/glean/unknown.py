"""The operations of Glean's interface that are not served."""

from fastapi import APIRouter, HTTPException, Request

from api.doors.glean.door import GleanRoute
from api.doors.refusals import METHODS

router = APIRouter(tags=["glean"], route_class=GleanRoute)


@router.api_route("/chat", methods=list(METHODS), include_in_schema=False)
@router.api_route("/rest/{rest:path}", methods=list(METHODS), include_in_schema=False)
async def unknown(request: Request) -> None:
    """Refuse an operation that is not served."""
    raise HTTPException(404, f"{request.method} {request.url.path} is not served here.")
