"""The files of the pages are served with their types and policies, and nothing else of the machine is."""

import re

import pytest

from api.doors.pages import STATIC, page_headers
from api.doors.pages.static_files import MEDIA_TYPES
from tests.service import RunningService, http


def test_every_file_has_its_type_and_is_only_sent_when_it_changed(service: RunningService) -> None:
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= set(MEDIA_TYPES)
    for path in files:
        url = f"{service.url}/static/{path.relative_to(STATIC).as_posix()}"
        answer = http.get(url, headers={"Origin": "https://museum.example"})
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"] == MEDIA_TYPES[path.suffix]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["access-control-allow-origin"] == "*", "other sites import it as a module"
        again = http.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "glow-voice",
        "../__init__.py",
        "..%2f__init__.py",
        "%2e%2e/headers.py",
        "/etc/passwd",
        "..%5cx.js",
        "a%00.js",
    ],
)
def test_nothing_else_is_served(service: RunningService, path: str) -> None:
    assert http.get(f"{service.url}/static/{path}").status_code == 404


def test_a_page_connects_to_its_own_service_and_is_framed_by_whom_it_names() -> None:
    headers = page_headers("glow.example:8443", secure=True, embedders=["https://museum.example"])
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["worker-src"] == "'self'"
    assert policy["connect-src"] == "'self' wss://glow.example:8443"
    assert policy["frame-ancestors"] == "'self' https://museum.example"
    assert not re.search("unsafe|blob:.*script", headers["Content-Security-Policy"])
    assert headers["Cache-Control"] == "no-store"
    assert "microphone=(self)" in headers["Permissions-Policy"]


@pytest.mark.parametrize("host", ["", "x; script-src *", "evil.example *", "a/b", "[::1]x"])
def test_a_host_that_is_none_adds_nothing(host: str) -> None:
    assert "connect-src 'self';" in page_headers(host, secure=False)["Content-Security-Policy"]


def test_hosts_that_are_some_are_named() -> None:
    for host in ("localhost:8000", "192.168.1.7", "[::1]:8000"):
        assert f"connect-src 'self' ws://{host};" in page_headers(host, secure=False)["Content-Security-Policy"]
    with pytest.raises(ValueError, match="no origin"):
        page_headers("localhost", secure=False, embedders=["museum.example; script-src *"])
