"""Browsers of every origin may ask: who asks is said by a token, never by a cookie."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class AnyOrigin(CORSMiddleware):
    """Lets every origin in; socket.io says so itself, with the origin's own name."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origins=["*"],
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["Content-Range", "Accept-Ranges", "Retry-After"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer preflights and mark answers, but those of socket.io."""
        if scope["type"] == "http" and scope["path"].startswith("/socket.io"):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
