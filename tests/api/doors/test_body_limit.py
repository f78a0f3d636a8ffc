"""No request fills the memory, whether it says how large it is or not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import Body, FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from api.doors.body_limit import LARGEST_BODY, BodyLimit, Bound
from models.errors import TooLarge
from tests.service import RunningService, http


def pieces(total: int) -> Iterator[bytes]:
    piece = b" " * (1024 * 1024)
    for _ in range(total // len(piece)):
        yield piece


def test_a_request_that_says_it_is_too_large_is_refused_unread(service: RunningService) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        head = f"POST /attempt/chat_get HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n"
        raw.sendall(head.encode())
        answer = raw.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "24 MiB" in answer


def test_a_request_that_turns_out_too_large_is_refused(service: RunningService) -> None:
    headers = service.headers("ada") | {"Content-Type": "application/json"}
    try:
        answer = http.post(f"{service.url}/attempt/chat_get", headers=headers, content=pieces(LARGEST_BODY + 2**21))
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        pytest.skip("the service closed the connection while the rest was still being sent")
    assert answer.status_code == 413


def test_the_next_request_is_served(service: RunningService) -> None:
    assert http.get(f"{service.url}/health").json() == {"status": "ok"}


# ------------------------------------------------------------------ a bound of one's own

SMALL = Bound(("/small/",), lambda failure: PlainTextResponse(f"no: {failure.message}", failure.status), 3 * 2**20)


def bounded_app() -> FastAPI:
    """Takes 3 MiB at /small/, in a shape of its own, and 24 MiB everywhere else."""
    app = FastAPI()

    @app.post("/{place}/parsed")
    async def parsed(place: str, body: str = Body()) -> int:
        return len(body)

    @app.post("/{place}/read")
    async def read(place: str, request: Request) -> int:
        return len(await request.body())

    @app.post("/{place}/careless")
    async def careless(place: str, request: Request) -> str:
        try:
            return str(len(await request.body()))
        except TooLarge:
            return "as much as came"

    app.add_middleware(BodyLimit, bounds=(SMALL,))
    return app


def posted(path: str, size: int, *, announced: bool) -> httpx.Response:
    body = b'"' + b"x" * (size - 2) + b'"'

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, 2**19):
            yield body[start : start + 2**19]

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(bounded_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://glow") as client:
            headers = {"Content-Type": "application/json"}
            return await client.post(path, content=body if announced else parts(), headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("does", ["parsed", "read", "careless"])
def test_each_door_has_its_own_bound_and_says_so_in_its_own_shape(does: str, announced: bool) -> None:
    assert posted(f"/small/{does}", 3 * 2**20, announced=announced).status_code == 200
    refused = posted(f"/small/{does}", 3 * 2**20 + 1, announced=announced)
    assert (refused.status_code, refused.text) == (413, "no: The request is larger than 3 MiB; send less at once.")
    assert refused.headers["Connection"] == "close"
    assert posted(f"/large/{does}", 3 * 2**20 + 1, announced=announced).status_code == 200
    refused = posted(f"/large/{does}", LARGEST_BODY + 1, announced=announced)
    assert refused.status_code == 413
    assert refused.json() == {"detail": "The request is larger than 24 MiB; send less at once."}


def test_an_answer_that_has_begun_breaks_off() -> None:
    async def answers_while_it_reads(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["more_body"]:
            await send({"type": "http.response.body", "body": b".", "more_body": True})

    async def story() -> None:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": bytes(2**20), "more_body": True}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "path": "/small/echo", "headers": []}
        with pytest.raises(TooLarge):
            await BodyLimit(answers_while_it_reads, (SMALL,))(scope, receive, send)
        assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * 3]

    asyncio.run(story())
