"""Routes that look at a request's token before its body is read, bound its JSON before it is parsed, and end a stream
whose token is revoked.

FastAPI reads and parses the body first and solves the dependencies after that. Here the dependency that authenticates
(marked by `api.auth.authenticates`) is solved first, so that a stranger's body costs nothing.
"""

import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from api.auth import Access, grant_of, is_authenticator
from api.doors.json_bounds import parsed


class BoundedRequest(Request):
    """A request whose JSON is bounded."""

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            Invalid, TooLarge: as `api.doors.json_bounds.check_shape`.
            JSONDecodeError: it is not JSON.
        """
        if not hasattr(self, "_json"):
            self._json = await parsed(await self.body())
        return self._json


class GuardedRoute(APIRoute):
    """A route that authenticates before it reads, and while it streams."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Make the handler: authenticate, check the shape of the body, do as FastAPI does, watch a stream."""
        handle = super().get_route_handler()
        authenticators = [
            item.call for item in self.dependant.dependencies if item.call is not None and is_authenticator(item.call)
        ]
        reads_json = self.body_field is not None

        async def handler(request: Request) -> Response:
            for authenticate in authenticators:
                await authenticate(request)
            bounded = BoundedRequest(request.scope, request.receive)
            if reads_json and "json" in request.headers.get("content-type", "json"):
                with suppress(json.JSONDecodeError):  # FastAPI says where
                    if await bounded.body():
                        await bounded.json()
            response = await handle(bounded)
            grant = grant_of(request)
            if grant is not None and isinstance(response, StreamingResponse):
                access: Access = request.app.state.service.access
                response.body_iterator = access.until_revoked(grant, aiter(response.body_iterator))
            return response

        return handler
