"""Real servers for tools: a shop's HTTP interface, and an MCP server by the protocol's own library.

with shop() as here:
    here.url                 of the HTTP interface
    here.requests            what was asked: method, path with query, headers, body
with mcp_shop() as url: ...  the address of the MCP server
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from tests.servers.in_thread import serving


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Shop:
    """The HTTP interface.

    Attributes:
        let: the answer to /slow comes once this is set.
    """

    url: str = ""
    requests: list[Asked] = field(default_factory=list)
    let: threading.Event = field(default_factory=threading.Event)


@contextmanager
def shop() -> Iterator[Shop]:
    """A shop for the length of the block."""
    app, here = FastAPI(), Shop()

    @app.middleware("http")
    async def keep(request: Request, call_next: Any) -> Response:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        body = await request.body()
        here.requests.append(Asked(request.method, path, dict(request.headers), body))
        answer: Response = await call_next(request)
        return answer

    @app.get("/orders/{number}")
    async def order(number: str) -> JSONResponse:
        return JSONResponse({"order": number, "state": "on its way", "due": "Friday"})

    @app.post("/notes")
    async def note() -> Response:
        return Response(status_code=204)

    @app.get("/slow")
    async def slow() -> PlainTextResponse:
        await asyncio.to_thread(here.let.wait)
        return PlainTextResponse("It is there at last.")

    @app.get("/big")
    async def big() -> StreamingResponse:
        async def letters() -> Any:
            while True:
                yield b"x" * 10_000

        return StreamingResponse(letters(), media_type="text/plain")

    @app.get("/moved")
    async def moved() -> RedirectResponse:
        return RedirectResponse("/orders/1")

    @app.get("/refused")
    async def refused() -> PlainTextResponse:
        return PlainTextResponse("There is no such order.", 404)

    @app.get("/picture")
    async def picture() -> Response:
        return Response(b"\x89PNG", media_type="image/png")

    @app.get("/odd")
    async def odd() -> Response:
        return Response("caf\u00e9".encode("latin-1"), media_type="text/plain; charset=nonsense")

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    with serving(config) as port:
        here.url = f"http://127.0.0.1:{port}"
        try:
            yield here
        finally:
            here.let.set()


@contextmanager
def mcp_shop(methods: list[str] | None = None) -> Iterator[str]:
    """An MCP server for the length of the block; `methods` gets those that it is asked for."""
    from mcp.server.mcpserver import Context, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError

    server = MCPServer("shop")

    @server.tool()
    def stock(item: str) -> str:
        """How many of an item there are."""
        return f"There are 7 of {item}."

    @server.tool()
    def fails(item: str) -> str:
        """Fails."""
        raise ToolError(f"no {item} in this shop")

    @server.tool()
    def key(context: Context) -> str:
        """The key that was sent."""
        return str((context.request_context.request.headers or {}).get("x-api-key"))

    @server.tool()
    async def hangs() -> str:
        """Never answers."""
        await asyncio.Event().wait()
        return "never"

    app = server.streamable_http_app()

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def noted() -> Any:
            message = await receive()
            if methods is not None and (found := re.search(rb'"method": ?"([^"]+)"', message.get("body", b""))):
                methods.append(found[1].decode())
            return message

        await app(scope, noted, send)

    config = uvicorn.Config(noting, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    with serving(config) as port:
        yield f"http://127.0.0.1:{port}/mcp"
