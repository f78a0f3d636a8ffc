"""The Tutor's interface on a running service: its page, row by row, and its documentation's own command lines."""

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.auth import LOCAL_USER
from api.doors.body_limit import SMALLER_BODY
from tests.pipeline.tutoring.test_tutoring import ANSWERS, PNG
from tests.servers.tools import tools_server
from tests.service import RunningService, http, unhearing

DEFAULT = "00000000-0000-0000-0000-000000000000"
COMMANDS = (
    f'curl "http://localhost:8000/api/chat/sessions?userId={DEFAULT}&nodeId=abc123"',
    f"""curl -X POST http://localhost:8000/api/chat/sessions \\
  -H "Content-Type: application/json" \\
  -d '{{
    "userId": "{DEFAULT}",
    "nodeId": "abc123"
  }}'""",
    f"""curl -X POST http://localhost:8000/api/chat/sessions/session123/tutor \\
  -H "Content-Type: application/json" \\
  -d '{{
    "userId": "{DEFAULT}",
    "content": ""
  }}'""",
    f"""curl -X POST http://localhost:8000/api/chat/hints \\
  -H "Content-Type: application/json" \\
  -d '{{
    "userId": "{DEFAULT}",
    "nodeId": "abc123",
    "sessionId": "session123",
    "requestMessageId": "msg1",
    "responseMessageId": "msg2"
  }}'""",
)
"""The commands of the interface's documentation, each on a service that has seen nothing yet."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that nobody has made a token for."""
    with unhearing(tmp_path_factory.mktemp("tutor"), tokens=None, requests_per_minute=100_000) as started:
        yield started


def ask(service: RunningService, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
    return http.request(method, f"{service.url}/api{path}", json=body, timeout=100, **more)


def new_session(service: RunningService, node_id: str | None = "abc123") -> str:
    body = {"userId": DEFAULT} | ({"nodeId": node_id} if node_id else {})
    return str(ask(service, "POST", "/chat/sessions", body).json()["id"])


def tutor(service: RunningService, session: str, content: str, **more: Any) -> httpx.Response:
    body = {"userId": DEFAULT, "content": content, **more}
    return ask(service, "POST", f"/chat/sessions/{session}/tutor", body)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.slow
def test_the_documented_commands_on_a_fresh_service(tmp_path: Path, command: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not here")
    with unhearing(tmp_path, tokens=None) as service:
        done = subprocess.run(
            ["sh", "-c", command.replace("http://localhost:8000", service.url)],
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )
    answer = json.loads(done.stdout)
    assert isinstance(answer, list) or "error" not in answer, answer


def test_the_documented_session_is_there_for_who_has_others(tmp_path: Path) -> None:
    with unhearing(tmp_path, tokens=None) as service:
        user = asyncio.run_coroutine_threadsafe(service.inside.store.user_named(LOCAL_USER), service.loop).result(100)
        add = service.inside.store.add_external_chat(user.id, "tutor")
        asyncio.run_coroutine_threadsafe(add, service.loop).result(100)
        assert ask(service, "POST", "/chat/sessions/session123/tutor", {"userId": DEFAULT, "content": ""}).json()[
            "message"
        ]


def test_a_session(fresh: RunningService) -> None:
    made = ask(fresh, "POST", "/chat/sessions", {"userId": DEFAULT, "nodeId": "binary-search"})
    assert made.status_code == 201
    session = made.json()
    assert set(session) == {"id", "userId", "nodeId", "startedAt", "endedAt"}
    assert (session["userId"], session["nodeId"], session["endedAt"]) == (DEFAULT, "binary-search", None)
    assert TIME.fullmatch(session["startedAt"])
    listed = ask(fresh, "GET", f"/chat/sessions?userId={DEFAULT}&nodeId=binary-search").json()
    assert listed == [session]
    assert ask(fresh, "GET", f"/chat/sessions?userId={DEFAULT}&nodeId=none").json() == []
    assert ask(fresh, "GET", "/chat/sessions?userId=somebody-else").json() == []
    ended = ask(fresh, "PATCH", f"/chat/sessions/{session['id']}", {})
    assert ended.status_code == 200
    assert TIME.fullmatch(ended.json()["endedAt"])
    given = ask(fresh, "PATCH", f"/chat/sessions/{session['id']}", {"endedAt": "2030-01-02T03:04:05Z"})
    assert given.json()["endedAt"] == "2030-01-02T03:04:05.000Z"
    assert ask(fresh, "POST", "/chat/sessions", {"userId": DEFAULT}).json()["nodeId"] is None


def test_a_lesson_over_http(fresh: RunningService) -> None:
    session = new_session(fresh)
    started = tutor(fresh, session, "").json()
    assert set(started) == {"message", "isComplete", "toolsUsed", "reasoning"}
    assert ask(fresh, "GET", f"/chat/sessions/{session}/messages").json()[0]["role"] == "assistant"
    types = [re.search(r"^Question Type: (\w+)\nQuestion:\n", started["message"], re.MULTILINE)]
    for answer in ANSWERS["binary-search"]:
        turn = tutor(fresh, session, f"[ANSWER]\nMode: text\n{answer}").json()
        types.append(re.search(r"^Question Type: (\w+)\nQuestion:\n", turn["message"], re.MULTILINE))
    assert [found[1] for found in types if found] == ["text", "text", "code", "draw", "text"]
    assert turn["isComplete"] is True
    (found,) = [item for item in ask(fresh, "GET", "/chat/sessions").json() if item["id"] == session]
    assert found["endedAt"] is not None
    messages = ask(fresh, "GET", f"/chat/sessions/{session}/messages").json()
    assert [message["kind"] for message in messages] == ["learning", *["evaluation", "learning"] * 5]
    assert [message["wasSuccessful"] for message in messages] == [None, *[True, None] * 5]
    assert json.loads(messages[1]["successSignal"]) == {"score": 1.0, "chunk": "sorted", "attempt": 1}
    assert set(messages[0]) == {
        "id", "sessionId", "userId", "role", "kind", "content", "wasSuccessful", "successSignal", "createdAt",
    }  # fmt: skip
    progress = ask(fresh, "GET", f"/progress?userId={DEFAULT}&nodeId=abc123").json()
    assert progress[0]["masteryScore"] > 0
    assert progress[0]["completedAt"] is not None


def test_a_message_by_hand(fresh: RunningService) -> None:
    session = new_session(fresh)
    body = {"userId": DEFAULT, "role": "user", "content": "hello", "successSignal": {"a": 1}, "wasSuccessful": True}
    made = ask(fresh, "POST", f"/chat/sessions/{session}/messages", body)
    assert made.status_code == 201
    assert (made.json()["kind"], made.json()["successSignal"]) == ("learning", '{"a": 1}')
    assert ask(fresh, "GET", f"/chat/sessions/{session}/messages").json() == [made.json()]
    assert ask(fresh, "GET", "/chat/sessions/none/messages").json() == []


def test_hints(fresh: RunningService) -> None:
    session = new_session(fresh)
    body = {
        "userId": DEFAULT,
        "nodeId": "abc123",
        "sessionId": session,
        "requestMessageId": "msg1",
        "responseMessageId": "msg2",
        "referencedSuccessMessageIds": ["msg0"],
    }
    made = ask(fresh, "POST", "/chat/hints", body)
    assert made.status_code == 201
    assert made.json()["referencedSuccessMessageIds"] == '["msg0"]'
    assert made.json() in ask(fresh, "GET", f"/chat/hints?userId={DEFAULT}&nodeId=abc123").json()
    assert ask(fresh, "GET", "/chat/hints?userId=USER_ID&nodeId=NODE_ID").json() == []


def test_the_neighbours(fresh: RunningService) -> None:
    made = ask(
        fresh, "POST", "/nodes", {"userId": DEFAULT, "type": "concept", "title": "Searching", "desc": "All of it"}
    )
    assert made.status_code == 201
    node = made.json()
    child = ask(
        fresh, "POST", "/nodes", {"userId": DEFAULT, "type": "subconcept", "title": "Halving", "parentId": node["id"]}
    ).json()
    assert ask(fresh, "GET", f"/nodes/{node['id']}").json() == node
    assert ask(fresh, "GET", f"/nodes/{node['id']}/children").json() == [child]
    assert child in ask(fresh, "GET", f"/nodes?userId={DEFAULT}&type=subconcept").json()
    assert ask(fresh, "GET", f"/nodes?parentId={node['id']}").json() == [child]
    edge = ask(fresh, "POST", f"/nodes/{child['id']}/dependency-edges", {"sourceNodeId": node["id"]})
    assert edge.status_code == 201
    assert ask(fresh, "GET", f"/nodes/{child['id']}/dependency-edges").json() == [edge.json()]
    assert ask(fresh, "PATCH", f"/nodes/{child['id']}", {"title": "Half"}).json()["title"] == "Half"
    new_session(fresh)
    cards = ask(fresh, "GET", "/nodes/abc123/contents/active").json()["cards"]
    assert [card["questionType"] for card in cards] == ["text", "text", "code", "draw", "text"]
    test = {"userId": DEFAULT, "nodeId": node["id"], "totalQuestions": 4, "incorrectQuestions": 1, "weakAreas": ["x"]}
    assert ask(fresh, "POST", "/assessments", test).json()["score"] == 0.75
    assert ask(fresh, "GET", f"/nodes/{node['id']}").json()["accuracyScore"] == 0.75
    assert ask(fresh, "DELETE", f"/nodes/{child['id']}").status_code == 204
    assert ask(fresh, "GET", f"/nodes/{child['id']}").json() == {"error": "Node not found"}
    assert ask(fresh, "GET", "/health").json()["status"] == "ok"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("POST", "/chat/sessions", {}, 400, "userId is required"),
        ("POST", "/chat/sessions", {"userId": "nobody"}, 500, "FOREIGN KEY constraint failed"),
        ("POST", "/chat/sessions", {"userId": 7}, 400, "userId must be text of at most 100000 characters"),
        ("POST", "/chat/sessions", [], 400, "The request is not a JSON object; send one."),
        ("PATCH", "/chat/sessions/none", {}, 404, "Session not found"),
        ("POST", "/chat/sessions/none/messages", {"userId": DEFAULT}, 400, "userId, role, and content are required"),
        ("POST", "/chat/sessions/none/messages", {"userId": DEFAULT, "role": "user", "content": "x"}, 500,
         "FOREIGN KEY constraint failed"),
        ("POST", "/chat/sessions/none/tutor", {"content": ""}, 400, "userId is required"),
        ("POST", "/chat/sessions/none/tutor", {"userId": DEFAULT, "content": ""}, 404, "Session not found"),
        ("POST", "/chat/hints", {"userId": DEFAULT}, 400, "userId and nodeId are required"),
        ("POST", "/chat/hints", {"userId": DEFAULT, "nodeId": "abc123", "sessionId": "none"}, 500,
         "FOREIGN KEY constraint failed"),
        ("POST", "/nodes", {"userId": DEFAULT}, 400, "userId, type, and title are required"),
        ("GET", "/nodes/none", None, 404, "Node not found"),
        ("DELETE", "/nodes/none", None, 404, "Node not found"),
        ("GET", "/progress", None, 400, "userId query param required"),
    ],
)  # fmt: skip
def test_bad_input(fresh: RunningService, method: str, path: str, body: Any, status: int, error: str) -> None:
    answer = ask(fresh, method, path, body)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


def test_sessions_that_cannot_be_taught(fresh: RunningService) -> None:
    nodeless = tutor(fresh, new_session(fresh, None), "")
    assert (nodeless.status_code, nodeless.json()) == (400, {"error": "Session has no linked node"})
    node = ask(fresh, "POST", "/nodes", {"userId": DEFAULT, "type": "subconcept", "title": "Gone"}).json()["id"]
    session = new_session(fresh, node)
    ask(fresh, "DELETE", f"/nodes/{node}")
    gone = tutor(fresh, session, "")
    assert (gone.status_code, gone.json()) == (404, {"error": "Node not found"})
    unknown = tutor(fresh, new_session(fresh, "zebras"), "")
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "5")
    assert unknown.json()["error"].startswith("No lesson teaches 'zebras'")


def test_bodies_that_are_no_json_or_none_at_all(fresh: RunningService) -> None:
    url = f"{fresh.url}/api/chat/sessions"
    broken = http.post(url, content=b'{"userId": ', headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()) == (400, {"error": "The request is not JSON; send a JSON object."})
    ended = http.patch(f"{url}/{new_session(fresh)}")
    assert (ended.status_code, ended.json()["endedAt"] is not None) == (200, True)
    nothing = http.get(f"{fresh.url}/api/chat/<b>nothing</b>")
    assert nothing.status_code == 404
    assert nothing.headers["content-type"].startswith("text/html")
    assert "Cannot GET" in nothing.text
    assert "<b>" not in nothing.text


def test_a_drawing_of_ten_megabytes_and_one_more_byte(fresh: RunningService) -> None:
    session = new_session(fresh)
    url = f"{fresh.url}/api/chat/sessions/{session}/tutor"
    head = f'{{"userId": "{DEFAULT}", "content": "[ANSWER] sorted", "drawingImageDataUrl": "data:image/png;base64,'
    body = head.encode() + b"A" * (SMALLER_BODY - len(head) - 2) + b'"}'
    assert len(body) == SMALLER_BODY
    headers = {"Content-Type": "application/json"}
    taken = http.post(url, content=body, headers=headers)
    assert taken.status_code == 200
    assert taken.json()["reasoning"][0].startswith("A drawing came and is left out"), "the request is taken, not it"
    too_large = http.post(url, content=b" " + body, headers=headers)
    assert (too_large.status_code, too_large.json()) == (413, {"error": "request entity too large"})

    def unannounced() -> Iterator[bytes]:
        yield from (b"A" * 65536 for _ in range(SMALLER_BODY // 65536 + 1))

    assert http.post(url, content=unannounced(), headers=headers).status_code == 413


def test_a_drawing_of_another_type_is_left_out(fresh: RunningService) -> None:
    session = new_session(fresh)
    for content in ["", *(f"[ANSWER] {answer}" for answer in ANSWERS["binary-search"][:3])]:
        tutor(fresh, session, content)
    gif = "data:image/gif;base64," + base64.b64encode(b"GIF89a").decode()
    left_out = tutor(fresh, session, "[ANSWER]", drawingImageDataUrl=gif)
    assert left_out.json()["message"].startswith("I did not get an answer.")
    seen = tutor(fresh, session, "[ANSWER]", drawingImageDataUrl=PNG)
    assert seen.json()["message"].startswith("I cannot see drawings here.")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Authorization": "Bearer wrong"},
    ],
)
def test_the_open_door_is_open_to_this_machine_only(fresh: RunningService, headers: dict[str, str]) -> None:
    answer = ask(fresh, "GET", "/chat/sessions", headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


def test_where_tokens_are_made_each_learner_needs_one(service: RunningService) -> None:
    assert ask(service, "GET", "/chat/sessions").status_code == 401
    made = service.post("/api/chat/sessions", {"userId": DEFAULT, "nodeId": "abc123"}, "ada").json()
    assert made["userId"] != DEFAULT
    for user, status in (("ada", 200), ("bob", 404)):
        body = {"userId": DEFAULT, "content": ""}
        assert service.post(f"/api/chat/sessions/{made['id']}/tutor", body, user).status_code == status
    seen = http.get(f"{service.url}/api/chat/sessions/{made['id']}/messages", headers=service.headers("bob"))
    assert seen.json() == []
    refused = service.post("/api/chat/sessions", {"userId": made["userId"], "nodeId": "abc123"}, "bob")
    assert (refused.status_code, refused.json()) == (500, {"error": "FOREIGN KEY constraint failed"})


def test_too_many_requests(tmp_path: Path) -> None:
    with unhearing(tmp_path, tokens=None, requests_per_minute=2) as service:
        answers = [ask(service, "GET", "/chat/sessions") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json() == {"error": "Too Many Requests"}
    assert int(answers[2].headers["Retry-After"]) >= 1


def test_a_model_that_fails_is_said_in_the_interfaces_shape(tmp_path: Path) -> None:
    with tools_server() as model:
        model.refuse(500)
        with unhearing(tmp_path, tokens=None, llm="openai", openai_base_url=model.url) as service:
            answer = tutor(service, new_session(service), "")
    assert answer.status_code == 502
    assert "HTTP 500" in answer.json()["error"]


@pytest.mark.slow
def test_a_spoken_start(service: RunningService) -> None:
    """The tutor asks aloud, takes what is said as an answer, and explains when that is asked for."""
    made = service.post("/api/chat/sessions", {"userId": DEFAULT, "nodeId": "worried-caller"}).json()["id"]

    async def story() -> None:
        async with service.call(made, greet=True) as client:
            asked = await client.until("reply.started")
            await client.send("stop")
            await client.until("reply.ended", turn=asked["turn"])
            await client.send("chat_message", text="can you explain that")
            begun = await client.until("reply.started")
            await client.send("stop")
            await client.until("reply.ended", turn=begun["turn"])
            await client.say("slt/records-office/01")
            said = await client.until("user.message")
            assert said["text"] == "hello this is the records office how can i help you"
            begun = await client.until("reply.started")
            await client.send("stop")
            ended = await client.until("reply.ended", turn=begun["turn"])
            assert ended["text"].startswith("Good. They know where they are")
            assert ended["text"].endswith("What do you answer, before anything else?")
            assert "Question Type" not in ended["text"]
            await client.hang_up()

    asyncio.run(story())
    url = f"{service.url}/api/chat/sessions/{made}/messages"
    messages = http.get(url, headers=service.headers()).json()
    assert [(message["role"], message["kind"]) for message in messages] == [
        ("assistant", "learning"),
        ("user", "hint_request"),
        ("assistant", "hint_response"),
        ("user", "evaluation"),
        ("assistant", "learning"),
    ]


def test_somebody_elses_session_cannot_be_spoken_to(service: RunningService) -> None:
    made = service.post("/api/chat/sessions", {"userId": DEFAULT, "nodeId": "worried-caller"}).json()["id"]

    async def story() -> None:
        async with service.connection("bob") as client:
            await client.send("chat_voice", chat_id=made)
            assert (await client.until("error"))["code"] == "not_found"
            assert await client.until_closed() == 1008

    asyncio.run(story())
