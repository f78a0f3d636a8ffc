"""The proxy's configuration in docs/reliability.md, run by nginx; with its times and numbers made small."""

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.service import WAIT_S, RunningService, http

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
CONNECTIONS = 4

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NGINX is None, reason="nginx is not installed")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def configuration(service: RunningService, port: int, folder: Path) -> str:
    """The page's configuration between what every nginx has around it."""
    (shown,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    ours = [
        ("http://127.0.0.1:8000", service.url),
        ("server {", f"server {{\n    listen 127.0.0.1:{port};"),
        ("_timeout 10s", "_timeout 1s"),
        ("perip 200", f"perip {CONNECTIONS}"),
    ]
    for theirs, mine in ours:
        assert theirs in shown
        shown = shown.replace(theirs, mine)
    paths = "\n".join(
        f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\nerror_log {folder / 'errors'} warn;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}\n{shown}\n}}\n"
    )


@pytest.fixture(scope="module")
def proxy(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """The service as it is reached through nginx."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    written = folder / "nginx.conf"
    written.write_text(configuration(service, port, folder), "utf-8")
    assert NGINX is not None
    running = subprocess.Popen([NGINX, "-p", str(folder), "-e", str(folder / "errors"), "-c", str(written)])
    try:
        patient = httpx.Client(transport=httpx.HTTPTransport(retries=10), trust_env=False)
        with patient:
            assert patient.get(f"http://127.0.0.1:{port}/health").json() == {"status": "ok"}
        yield replace(service, url=f"http://127.0.0.1:{port}")
    finally:
        running.terminate()
        running.wait(WAIT_S)


def test_a_call_goes_through_it(proxy: RunningService) -> None:
    chat = proxy.chat()

    async def story() -> None:
        async with proxy.call(chat, hurries=True) as client:
            await client.send("chat_message", text="Hello, this is the records office. How can I help you?")
            await client.until("reply.ended")
            await client.hang_up()
        assert client.pieces

    asyncio.run(story())


@pytest.mark.parametrize(
    "sent", ["GET /health HTTP/1.1\r\nHost:", "POST /attempt/start HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"]
)
def test_halves_are_closed(proxy: RunningService, sent: str) -> None:
    address = urlsplit(proxy.url)
    with socket.create_connection((str(address.hostname), address.port), WAIT_S) as stalled:
        stalled.sendall(sent.encode())
        answer = b""
        while piece := stalled.recv(1000):
            answer += piece
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")


def test_heads_and_bodies_are_bounded(proxy: RunningService) -> None:
    assert http.get(f"{proxy.url}/health", headers={"X-Long": "x" * 70_000}).status_code == 400
    head = {"Content-Length": str(25 << 20), **proxy.headers()}
    address = urlsplit(proxy.url)
    with socket.create_connection((str(address.hostname), address.port), WAIT_S) as sending:
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        sending.sendall(f"POST /attempt/start HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
        assert b" 413 " in sending.recv(100)


def test_connections_of_an_address_are_bounded(proxy: RunningService) -> None:
    async def story() -> None:
        async with AsyncExitStack() as open_ones:
            for _ in range(CONNECTIONS):
                await open_ones.enter_async_context(proxy.connection())
            with pytest.raises(InvalidStatus) as refused:
                await open_ones.enter_async_context(proxy.connection())
        assert refused.value.response.status_code == 503

    asyncio.run(story())
