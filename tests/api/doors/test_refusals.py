"""What the doors for other systems' clients refuse, each in its own shape, whatever is wrong with the request."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.doors.body_limit import LARGEST_BODY
from api.doors.refusals import json_line
from tests.service import RunningService, running

LEARNER = "00000000-0000-0000-0000-000000000000"
SHAPES = {
    "/api/chat/sessions": {"error"},
    "/ai/v1/message": {"detail"},
    "/ai/v2/chat/completions": {"detail"},
    "/oauth2/token": {"error", "error_description"},
    "/chat": None,
    "/rest/api/v1/chat": None,
    "/rest/api/v1/uploadchatfiles": None,
}
"""Each door's refusals: the keys of an object, or None for a line of text."""


def test_a_line_of_json_is_one_line_to_every_client() -> None:
    said = {"text": "Grüße\u2028one\x85two\u2029three\n"}
    assert len(json_line(said).splitlines()) == 1
    assert json.loads(json_line(said)) == said
    assert "Grüße" in json_line(said)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that takes the Tutor's requests without a token."""
    with running(tmp_path_factory.mktemp("doors"), requests_per_minute=100_000) as started:
        yield started


def kind_of(answer: httpx.Response) -> Any:
    """How a refusal is written."""
    return None if answer.headers["content-type"].startswith("text/plain") else set(answer.json())


def post(service: RunningService, path: str, body: str) -> httpx.Response:
    headers = service.headers() | {"Content-Type": "application/json", "Accept": "application/json"}
    return httpx.post(f"{service.url}{path}", content=body.encode(), headers=headers, timeout=100)


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize("length", [11_000_000, LARGEST_BODY + 1])
def test_a_request_that_is_too_large(fresh: RunningService, path: str, length: int) -> None:
    form = {"/oauth2/token": "application/x-www-form-urlencoded"}
    form["/rest/api/v1/uploadchatfiles"] = "multipart/form-data; boundary=x"
    headers = fresh.headers() | {"Content-Type": form.get(path, "application/json")}
    answer = httpx.post(f"{fresh.url}{path}", content=b"a" * length, headers=headers, timeout=100)
    assert answer.status_code == 413
    assert kind_of(answer) == SHAPES[path]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/api/nothing", "text/html"),
        ("PUT", "/api/nodes/abc123", "text/html"),
        ("GET", "/api/chat/sessions/session123", "text/html"),
        ("POST", "/rest/api/v1/nothing", "text/plain"),
        ("GET", "/rest/api/v1/chat", "text/plain"),
        ("GET", "/chat", "text/plain"),
        ("GET", "/ai/v1/nothing", "application/json"),
    ],
)
def test_what_a_door_does_not_have(fresh: RunningService, method: str, path: str, kind: str) -> None:
    answer = httpx.request(method, f"{fresh.url}{path}", headers=fresh.headers())
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(kind)
    if kind == "text/html":
        assert f"Cannot {method} {path}" in answer.text


BROKEN = r"\ud800"
"""Half of a letter: JSON may hold it, and UTF-8 may not."""
MANY = f'"totalQuestions": 1{"0" * 30}, "incorrectQuestions": 0'


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/chat/sessions", f'{{"userId": "{LEARNER}", "nodeId": "n{BROKEN}"}}', 201),
        ("/api/chat/hints", f'{{"userId": "{LEARNER}", "nodeId": "abc123", "requestMessageId": "{BROKEN}"}}', 201),
        ("/api/chat/sessions", '{"userId": NaN}', 400),
        ("/api/assessments", f'{{"userId": "{LEARNER}", "nodeId": "abc123", {MANY}}}', 400),
        ("/chat", f'{{"messages": [{{"fragments": null}}], "agentConfig": {{"agent": "{BROKEN}"}}}}', 200),
        ("/rest/api/v1/getchat", f'{{"id": "{BROKEN}"}}', 404),
        ("/ai/v1/message", f'{{"query": "{BROKEN}"}}', 422),
        ("/chat", '{"messages": ' + "[" * 100_000, 400),
    ],
)
def test_what_no_client_should_send_is_no_failure_of_the_service(
    fresh: RunningService, path: str, body: str, status: int
) -> None:
    assert post(fresh, path, body).status_code == status


def test_whether_an_answer_was_right_is_true_false_or_unknown(fresh: RunningService) -> None:
    session = post(fresh, "/api/chat/sessions", f'{{"userId": "{LEARNER}", "nodeId": "abc123"}}').json()["id"]
    for said, kept in (("1", True), ('"yes"', True), ("0", False), ("null", None), ("1e999", True)):
        body = f'{{"userId": "{LEARNER}", "role": "user", "content": "x", "wasSuccessful": {said}}}'
        assert post(fresh, f"/api/chat/sessions/{session}/messages", body).json()["wasSuccessful"] is kept
