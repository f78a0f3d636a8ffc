"""CORS: every origin is allowed, as requests authenticate by a token, never by a cookie."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class AnyOrigin(CORSMiddleware):
    """Allows every origin; socket.io does so itself, with the origin's own name."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origins=["*"],
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Content-Range", "Accept-Ranges", "Retry-After", "Location", "x-request-id"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights and add headers to responses, except those of socket.io."""
        if scope["type"] == "http" and scope["path"].startswith("/socket.io"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
