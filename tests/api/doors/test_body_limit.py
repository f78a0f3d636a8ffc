"""No request fills the memory, whether it says how large it is or not."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from api.doors.body_limit import LARGEST_BODY
from tests.service import RunningService


def pieces(total: int) -> Iterator[bytes]:
    piece = b" " * (1024 * 1024)
    for _ in range(total // len(piece)):
        yield piece


def test_a_request_that_says_it_is_too_large_is_refused_unread(service: RunningService) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=100) as raw:
        head = f"POST /attempt/chat_get HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n"
        raw.sendall(head.encode())
        answer = raw.makefile("rb").read().decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "24 MiB" in answer


def test_a_request_that_turns_out_too_large_is_refused(service: RunningService) -> None:
    headers = service.headers("ada") | {"Content-Type": "application/json"}
    try:
        answer = httpx.post(f"{service.url}/attempt/chat_get", headers=headers, content=pieces(LARGEST_BODY + 2**21))
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        pytest.skip("the service closed the connection while the rest was still being sent")
    assert answer.status_code == 413


def test_the_next_request_is_served(service: RunningService) -> None:
    assert httpx.get(f"{service.url}/health").json() == {"status": "ok"}
