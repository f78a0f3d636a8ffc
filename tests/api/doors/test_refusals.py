"""What the doors for other systems' clients refuse, each in its own shape, whatever is wrong with the request."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.doors.body_limit import LARGEST_BODY
from api.doors.refusals import json_line
from models.errors import ModelError, TooLarge
from pipeline.errors import CallOver, PipelineError, SessionConflict
from pipeline.tasks.writer import StorageBehind
from tests.raising import asked, raising_app
from tests.service import RunningService, http, running
from voice.errors import EngineBusy, EngineFailed, EngineUnavailable, InvalidAudio, UnsupportedFormat, VoiceError

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
    return http.post(f"{service.url}{path}", content=body.encode(), headers=headers)


@pytest.mark.parametrize("path", SHAPES)
@pytest.mark.parametrize("length", [11_000_000, LARGEST_BODY + 1])
def test_a_request_that_is_too_large(fresh: RunningService, path: str, length: int) -> None:
    form = {"/oauth2/token": "application/x-www-form-urlencoded"}
    form["/rest/api/v1/uploadchatfiles"] = "multipart/form-data; boundary=x"
    headers = fresh.headers() | {"Content-Type": form.get(path, "application/json")}
    answer = http.post(f"{fresh.url}{path}", content=b"a" * length, headers=headers)
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
    answer = http.request(method, f"{fresh.url}{path}", headers=fresh.headers())
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(kind)
    if kind == "text/html":
        assert f"Cannot {method} {path}" in answer.text


KINDS = [
    TooLarge,
    SessionConflict,
    CallOver,
    StorageBehind,
    InvalidAudio,
    UnsupportedFormat,
    EngineUnavailable,
    EngineFailed,
    EngineBusy,
]
"""What these doors once told as failures of the service's own, whatever it was."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_a_lower_floor_refuses_is_said_in_each_doors_shape(
    kind: type[ModelError | PipelineError | VoiceError],
) -> None:
    app, status = raising_app(), kind.http_status
    gloo, oauth, tutor, glean = (
        asked(app, door, kind("Send less at once.")) for door in ("gloo", "oauth2", "tutor", "glean")
    )
    assert (gloo.status_code, gloo.json()) == (status, {"detail": "Send less at once."})
    code = "invalid_request" if status in (400, 413) else "temporarily_unavailable"
    assert oauth.status_code == status
    assert oauth.json() == {"error": code, "error_description": "Send less at once."}
    assert oauth.headers["Cache-Control"] == "no-store"
    sentence = "request entity too large" if status == 413 else "Send less at once."
    assert (tutor.status_code, tutor.json()) == (status, {"error": sentence})
    assert kind_of(glean) is None
    assert (glean.status_code, glean.text) == {
        400: (400, "Invalid request: Send less at once."),
        502: (500, "Something went wrong"),
        503: (500, "Something went wrong"),
    }.get(status, (status, "Send less at once."))


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
        ("/chat", f'{{"messages": [{{"fragments": null}}], "agentConfig": {{"agent": "{BROKEN}"}}}}', 400),
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
