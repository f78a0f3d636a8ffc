"""A request's token is looked at before its body is, at every door; and its JSON is bounded."""

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from api.doors.json_bounds import DEPTH_LIMIT, VALUES_LIMIT
from tests.service import WAIT_S, RunningService, unhearing

JSON = {"content-type": "application/json"}

OPEN = {"/oauth2/token"}
"""What is there to be authenticated by."""


def answered_early(service: RunningService, path: str, headers: str = "") -> bytes:
    """The first line of the answer to a request of which only the head and one byte of the body come."""

    async def story() -> bytes:
        host, _, port = service.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        kind = "content-type: application/json\r\ncontent-length: 9000000\r\n"
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\n{kind}{headers}\r\n["
        writer.write(head.encode())
        async with asyncio.timeout(WAIT_S):
            line = await reader.readline()
        writer.close()
        return line

    return asyncio.run(story())


def test_a_strangers_body_is_not_read_at_any_route(service: RunningService) -> None:
    paths = {
        re.sub(r"{[^}]*}", "x", route.path)
        for route in service.app.routes
        if isinstance(route, APIRoute) and "POST" in route.methods and route.path not in OPEN
    }
    assert len(paths) > 90
    for path in sorted(paths):
        for headers in ("", "authorization: Bearer nonsense\r\n"):
            # A route that is no more than a refusal may say so to anybody, so long as it does not read on. What brings
            # a secret within its body is read as far as that may be.
            early = {b"413"} if path.startswith("/phone/") else {b"401", b"404", b"405"}
            assert answered_early(service, path, headers).split()[1] in early, path
    assert answered_early(service, "/attempt/start").split()[1] == b"401"
    assert answered_early(service, "/rest/api/v1/chat").split()[1] == b"401"


@pytest.mark.slow
def test_who_leaves_in_the_middle_of_a_body_leaves_no_trace(
    service: RunningService, caplog: pytest.LogCaptureFixture
) -> None:
    """At every route that reads one: JSON, a form, an upload."""
    paths = {
        re.sub(r"{[^}]*}", "x", route.path)
        for route in service.app.routes
        if isinstance(route, APIRoute) and "POST" in route.methods
    }
    upload = "multipart/form-data; boundary=b"
    kinds = {"/attempt/audio_upload": upload, "/rest/api/v1/uploadchatfiles": upload}
    kinds["/oauth2/token"] = "application/x-www-form-urlencoded"

    async def story() -> None:
        host, _, port = service.url.removeprefix("http://").partition(":")
        for path in sorted(paths):
            reader, writer = await asyncio.open_connection(host, int(port))
            head = {
                "host": "x",
                "content-type": kinds.get(path, "application/json"),
                "content-length": "9000",
                "expect": "100-continue",  # answered when the body is read
                **service.headers(),
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode())
            async with asyncio.timeout(WAIT_S):
                await reader.readline()
            writer.write(b"[")
            writer.close()
        await service.until(lambda _: not [task for task in asyncio.all_tasks() if "run_asgi" in repr(task.get_coro())])

    with caplog.at_level("ERROR"):
        asyncio.run(story())
    assert not caplog.records


def test_json_is_bounded_in_depth_and_values(service: RunningService) -> None:
    deep = b'{"practice_id": ' + b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1) + b"}"
    many = json.dumps({"practice_id": [[]] * (2 * VALUES_LIMIT)}).encode()
    for path in ("/attempt/start", "/ai/v2/chat/completions", "/rest/api/v1/chat", "/api/chat/sessions"):
        for body, status in ((deep, 400), (many, 413)):
            answer = httpx.post(f"{service.url}{path}", content=body, headers=service.headers() | JSON, timeout=WAIT_S)
            assert answer.status_code == status, (path, answer.text)


def test_what_is_no_json_is_said_as_ever(service: RunningService) -> None:
    answer = httpx.post(f"{service.url}/attempt/start", content=b'{"practice_id": ', headers=service.headers() | JSON)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "json_invalid"


def test_guessing_a_clients_secret_is_bounded_by_address(tmp_path: Path) -> None:
    def guessed(service: RunningService, number: int, address: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "client_id": f"client-{number}", "client_secret": "x"}
        # The service believes its proxies, of which this machine is one.
        return httpx.post(f"{service.url}/oauth2/token", data=form, headers={"x-forwarded-for": address})

    with unhearing(tmp_path, guesses_per_minute=3) as service:
        codes = [guessed(service, number, "192.0.2.1").status_code for number in range(4)]
        assert codes == [401, 401, 401, 429]
        assert int(guessed(service, 5, "192.0.2.1").headers["retry-after"]) > 0
        assert guessed(service, 6, "192.0.2.2").status_code == 401
