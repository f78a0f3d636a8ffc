"""`POST /oauth2/token`: an access token for client credentials.

Source: RFC 6749, sections 2.3.1, 4.4 and 5.2.
"""

import base64
import binascii
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.auth import address_of, login_failed
from api.doors.refusals import Failure, route_class
from api.external import external_of
from api.service import Service

SCOPE = "api/access"

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_CODE = {400: "invalid_request", 401: "invalid_client", 413: "invalid_request", 422: "invalid_request"}


def render(failure: Failure) -> Response:
    """Render a failure in the shape of RFC 6749, section 5.2."""
    body = {"error": _CODE.get(failure.status, "temporarily_unavailable"), "error_description": failure.message}
    return JSONResponse(body, failure.status, failure.headers | _NO_STORE)


TokenRoute = route_class(render)

router = APIRouter(tags=["gloo"], route_class=TokenRoute)


@router.post("/oauth2/token")
async def token(request: Request) -> Response:
    """Exchange a client's id and secret for an access token."""
    service: Service = request.app.state.service
    guesses, address = external_of(request).guesses, address_of(request)
    await guesses.check("gloo", address)
    form = await request.form(max_files=0, max_fields=20)
    client_id, secret = _credentials(request, form)
    await external_of(request).limits.take("gloo", f"client {client_id[:100]}")
    if not form.get("grant_type"):
        return _refused(400, "invalid_request", "grant_type is required.")
    if form.get("grant_type") != "client_credentials":
        return _refused(400, "unsupported_grant_type", "The grant_type must be client_credentials.")
    if form.get("scope", SCOPE) != SCOPE:
        return _refused(400, "invalid_scope", f"The scope must be {SCOPE}.")
    seconds = service.settings.access_token_s
    made = await service.store.issue_access_token(client_id, secret, SCOPE, timedelta(seconds=seconds))
    if made is None:
        login_failed("client secret", address)
        await guesses.take("gloo", address)
        return _refused(401, "invalid_client", "Make a client with `glow client create USER`.")
    body = {"access_token": made, "expires_in": seconds, "token_type": "Bearer"}
    return JSONResponse(body, headers=_NO_STORE)


def _credentials(request: Request, form: Any) -> tuple[str, str]:
    """Return the client's id and secret, from HTTP Basic or the form; empty if there are none."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return "", ""
        client_id, _, secret = pair.partition(":")
        return unquote_plus(client_id), unquote_plus(secret)
    return str(form.get("client_id") or ""), str(form.get("client_secret") or "")


def _refused(status: int, code: str, description: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="oauth2"'} if status == 401 else {}
    return JSONResponse({"error": code, "error_description": description}, status, headers | _NO_STORE)
