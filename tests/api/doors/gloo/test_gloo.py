"""Gloo's interface on a running service: tokens, messages, chats, completions, and every refusal in its own shape."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.doors.body_limit import SMALLER_BODY
from tests.servers.tools import ToolsServer, tools_server
from tests.service import RunningService, http, unhearing

QUESTION = "How long is the warranty of a computer, and is the battery covered?"


def client_of(service: RunningService, user: str) -> tuple[str, str]:
    """A client id and secret, as `glow client create` makes them."""

    async def make() -> tuple[str, str]:
        secret, made = await service.inside.store.create_oauth_client(user)
        return made.id, secret

    return asyncio.run_coroutine_threadsafe(make(), service.loop).result(100)


def token_of(service: RunningService, user: str = "gil") -> str:
    answer = http.post(
        f"{service.url}/oauth2/token",
        data={"grant_type": "client_credentials", "scope": "api/access"},
        auth=client_of(service, user),
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


class Gloo:
    """A client with a token."""

    def __init__(self, service: RunningService, user: str = "gil") -> None:
        self.url = service.url
        self.headers = {"Authorization": f"Bearer {token_of(service, user)}"}

    def ask(self, query: str = QUESTION, **more: Any) -> dict[str, Any]:
        answer = self.post("/ai/v1/message", {"query": query, **more})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def post(self, path: str, body: Any) -> httpx.Response:
        return http.post(f"{self.url}{path}", json=body, headers=self.headers)

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return http.request(method, f"{self.url}{path}", headers=self.headers, timeout=100, **more)


@pytest.fixture(scope="module")
def gloo(service: RunningService) -> Gloo:
    return Gloo(service)


def test_a_token_is_what_the_client_reads(service: RunningService) -> None:
    answer = http.post(
        f"{service.url}/oauth2/token",
        content="grant_type=client_credentials&scope=api%2Faccess",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        auth=client_of(service, "gil"),
    )
    assert set(answer.json()) == {"access_token", "expires_in", "token_type"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("credentials", "form", "status", "error"),
    [
        ("right", {"grant_type": "password"}, 400, "unsupported_grant_type"),
        ("right", {}, 400, "invalid_request"),
        ("right", {"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
        ("wrong secret", {"grant_type": "client_credentials"}, 401, "invalid_client"),
        ("unknown", {"grant_type": "client_credentials"}, 401, "invalid_client"),
        ("none", {"grant_type": "client_credentials"}, 401, "invalid_client"),
        ("in the form", {"grant_type": "client_credentials"}, 200, None),
    ],
)
def test_who_gets_a_token(
    service: RunningService, credentials: str, form: dict[str, str], status: int, error: str | None
) -> None:
    client_id, secret = client_of(service, "gil")
    auth = {"right": (client_id, secret), "wrong secret": (client_id, "x"), "unknown": ("x", "y")}.get(credentials)
    if credentials == "in the form":
        form = form | {"client_id": client_id, "client_secret": secret}
    answer = http.post(f"{service.url}/oauth2/token", data=form, auth=auth)
    assert answer.status_code == status
    assert answer.json().get("error") == error
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_basic_header_that_is_none(service: RunningService) -> None:
    answer = http.post(
        f"{service.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": "Basic !!!"},
    )
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_token_ends_with_its_time_and_with_its_client(service: RunningService) -> None:
    client_id, secret = client_of(service, "gil")

    async def story() -> tuple[str | None, str | None]:
        store = service.inside.store
        expired = await store.issue_access_token(client_id, secret, "api/access", timedelta(seconds=-1))
        revoked = await store.issue_access_token(client_id, secret, "api/access", timedelta(hours=1))
        await store.revoke_oauth_client(client_id)
        assert await store.issue_access_token(client_id, secret, "api/access", timedelta(hours=1)) is None
        return expired, revoked

    for token in asyncio.run_coroutine_threadsafe(story(), service.loop).result(100):
        answer = http.get(
            f"{service.url}/ai/v1/chat", params={"chat_id": "c"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})


def test_a_message_begins_a_chat_and_another_continues_it(gloo: Gloo) -> None:
    first = gloo.ask(character_limit=1000, sources_limit=5, stream=False, publishers=[], enable_suggestions=1)
    for name, letter in (("chat_id", "c"), ("query_id", "q"), ("message_id", "m")):
        assert re.fullmatch(rf"{letter}[0-9a-f-]{{36}}", first[name])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", first["timestamp"])
    assert first["success"] is True
    assert all(question.endswith("?") for question in first["suggestions"])
    assert first["sources"][0]["title"] == "Warranty and returns"
    assert "a warranty of one year" in first["message"]
    second = gloo.ask(first["suggestions"][0], chat_id=first["chat_id"])
    assert second["chat_id"] == first["chat_id"]
    assert second["sources"], "a suggestion is a question that the documents answer"
    assert second["suggestions"] == []
    chat = gloo.call("GET", "/ai/v1/chat", params={"chat_id": first["chat_id"]}).json()
    assert set(chat) == {
        "user_id", "chat_id", "created_at", "updated_at", "messages", "pin", "summary", "title",
    }  # fmt: skip
    assert [message["role"] for message in chat["messages"]] == ["user", "kallm"] * 2
    assert all(message["content"] == message["message"] for message in chat["messages"])
    assert chat["messages"][1]["message_id"] == first["message_id"]
    assert [message["query_id"] for message in chat["messages"][:2]] == [first["query_id"]] * 2


@pytest.mark.parametrize("limit", [20, 120, 10_000])
def test_an_answer_ends_at_a_sentence_within_its_limit(gloo: Gloo, limit: int) -> None:
    message = gloo.ask(character_limit=limit)["message"]
    assert 0 < len(message) <= limit
    assert message[-1] in ".!?…"


def test_sources_are_limited_by_number_switch_and_publisher(gloo: Gloo) -> None:
    name = "Three conversations at a desk"
    whole = gloo.ask()
    for hiding in ({"sources_limit": 0}, {"enable_sources": 0}):
        hidden = gloo.ask(**hiding)
        assert (hidden["sources"], hidden["message"]) == ([], whole["message"]), "the answer stays"
    assert len(gloo.ask(sources_limit=1)["sources"]) == 1
    assert gloo.ask(publishers=["Nobody"])["sources"] == []
    assert gloo.ask(publishers=[name.upper()])["sources"][0]["publisher"] == name
    switched = gloo.call(
        "POST", "/ai/v1/message?enable_suggestions=1&enable_sources=0", json={"query": QUESTION}
    ).json()
    assert (bool(switched["suggestions"]), switched["sources"]) == (True, [])


def test_what_a_person_says_besides_questions(gloo: Gloo) -> None:
    hello, thanks = gloo.ask("hello", enable_suggestions=1), gloo.ask("Thank you!")
    assert (hello["message"], hello["sources"]) == ("Hello! What would you like to know?", [])
    assert len(hello["suggestions"]) == 3
    assert thanks["message"].startswith("You are welcome.")
    documents = gloo.ask("What documents do you have?")["message"]
    assert re.match(r"I have \d\d documents, among them “", documents)
    assert gloo.ask("What documents do you have?", publishers=["Nobody"])["message"] == "I have no documents here yet."


def test_the_shorter_kind_of_message(gloo: Gloo) -> None:
    answer = gloo.post("/ai/v1/message/kallm", {"query": QUESTION}).json()
    assert set(answer) == {"query_id", "message_id", "message", "timestamp"}


def events_of(response: httpx.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_streamed_message(gloo: Gloo) -> None:
    response = gloo.post("/ai/v1/message", {"query": QUESTION, "stream": True, "enable_suggestions": 1})
    assert response.headers["content-type"].startswith("text/event-stream")
    *deltas, whole = events_of(response)
    assert "".join(event["delta"] for event in deltas).strip() == whole["message"]
    assert (whole["done"], bool(whole["suggestions"])) == (True, True)
    assert {event["message_id"] for event in deltas} == {whole["message_id"]}
    chat = gloo.call("GET", "/ai/v1/chat", params={"chat_id": whole["chat_id"]}).json()
    assert chat["messages"][1]["message"] == whole["message"]


def test_a_chat_is_pinned_named_and_summed_up(gloo: Gloo) -> None:
    chat_id = gloo.ask()["chat_id"]
    for field, value in (("pin", True), ("title", "Warranties"), ("summary", "One year.")):
        params = {"chat_id": chat_id, "chat_field": field}
        answer = gloo.call("PATCH", "/ai/v1/chat", params=params, json={"new_value": value})
        assert answer.json() == {"chat_id": chat_id, "field": field, "value": value}
    chat = gloo.call("GET", "/ai/v1/chat", params={"chat_id": chat_id}).json()
    assert (chat["pin"], chat["title"], chat["summary"]) == (True, "Warranties", "One year.")
    params = {"chat_id": chat_id, "chat_field": "owner"}
    assert gloo.call("PATCH", "/ai/v1/chat", params=params, json={"new_value": "me"}).status_code == 422
    params = {"chat_id": chat_id, "chat_field": "pin"}
    assert gloo.call("PATCH", "/ai/v1/chat", params=params, json={"new_value": "perhaps"}).status_code == 400


@pytest.mark.parametrize("name", ["message_id", "query_id"])
def test_a_message_is_deleted_with_its_question(gloo: Gloo, name: str) -> None:
    kept = gloo.ask()
    deleted = gloo.ask(chat_id=kept["chat_id"])
    answer = gloo.call("DELETE", "/ai/v1/message", params={name: deleted[name]})
    assert answer.json() == {"deleted": True, "message_id": deleted[name]}
    chat = gloo.call("GET", "/ai/v1/chat", params={"chat_id": kept["chat_id"]}).json()
    assert [message["query_id"] for message in chat["messages"]] == [kept["query_id"]] * 2
    again = gloo.call("DELETE", "/ai/v1/message", params={name: deleted[name]})
    assert (again.status_code, again.json()) == (404, {"detail": "Message not found"})


def test_refusals_have_the_interfaces_shape(gloo: Gloo) -> None:
    missing = gloo.post("/ai/v1/message", {})
    assert missing.status_code == 422
    assert missing.json()["detail"][0]["loc"] == ["body", "query"]
    headers = gloo.headers | {"Content-Type": "application/json"}
    broken = http.post(f"{gloo.url}/ai/v1/message", content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["detail"][0]["type"]) == (422, "json_invalid")
    unknown = gloo.post("/ai/v1/message", {"query": "x", "chat_id": "c-none"})
    assert (unknown.status_code, unknown.json()) == (404, {"detail": "Chat not found"})
    assert gloo.call("GET", "/ai/v1/chat").status_code == 422
    assert gloo.call("GET", "/ai/v1/chat", params={"chat_id": "c-none"}).json() == {"detail": "Chat not found"}
    assert gloo.call("DELETE", "/ai/v1/message").status_code == 400
    anonymous = http.post(f"{gloo.url}/ai/v1/message", json={"query": "x"})
    assert (anonymous.status_code, anonymous.json()) == (401, {"detail": "Unauthorized"})
    large = http.post(f"{gloo.url}/ai/v1/message", content=b"x" * (SMALLER_BODY + 1), headers=headers)
    assert large.status_code == 413
    assert set(large.json()) == {"detail"}


def test_nobody_elses_chat(service: RunningService, gloo: Gloo) -> None:
    theirs, other = gloo.ask(), Gloo(service, "gus")
    for answer in (
        other.call("GET", "/ai/v1/chat", params={"chat_id": theirs["chat_id"]}),
        other.post("/ai/v1/message", {"query": "x", "chat_id": theirs["chat_id"]}),
        other.call("PATCH", f"/ai/v1/chat?chat_id={theirs['chat_id']}&chat_field=title", json={"new_value": "x"}),
    ):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Chat not found"})
    assert other.call("DELETE", "/ai/v1/message", params={"message_id": theirs["message_id"]}).status_code == 404


def test_too_many_requests(tmp_path: Path) -> None:
    with unhearing(tmp_path, requests_per_minute=2) as service:
        headers = service.headers()
        answers = [http.post(f"{service.url}/ai/v1/message", json={"query": "x"}, headers=headers) for _ in range(3)]
        wrong = [http.post(f"{service.url}/oauth2/token", data={}, auth=("x", "y")) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json() == {"detail": "Too Many Requests"}
    assert int(answers[2].headers["retry-after"]) >= 1
    assert [answer.status_code for answer in wrong] == [400, 400, 429], "nobody tries secrets at full speed"


@pytest.fixture(scope="module")
def modelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, ToolsServer]]:
    """A service with a language model."""
    with tools_server() as model:
        folder = tmp_path_factory.mktemp("modelled")
        with unhearing(folder, llm="openai", openai_base_url=model.url, llm_model="wise") as service:
            yield service, model


def test_a_model_answers_from_the_sources(modelled: tuple[RunningService, ToolsServer]) -> None:
    service, model = modelled
    model.answers = []
    model.say(
        "It is one year. Batteries too! And much more besides.",
        "Is a dead screen covered?\n- And the craters of the moon?\nnonsense\n3. What is not covered by the warranty?",
    )
    answer = Gloo(service).ask(character_limit=40, enable_suggestions=1)
    assert answer["message"] == "It is one year. Batteries too!"
    asked = ["Is a dead screen covered?", "What is not covered by the warranty?"]
    assert answer["suggestions"][:2] == asked, "what no document answers is left out"
    assert "craters" not in " ".join(answer["suggestions"])
    assert answer["model"] == "wise"
    assert "<sources>" in model.bodies[-2]["messages"][0]["content"]


def test_a_model_that_fails_leaves_no_chat(modelled: tuple[RunningService, ToolsServer]) -> None:
    service, model = modelled
    model.answers = []
    model.refuse(500)
    answer = Gloo(service, "fay").post("/ai/v1/message", {"query": "x"})
    assert answer.status_code == 502
    assert "HTTP 500" in answer.json()["detail"]

    async def chats() -> int:
        user = await service.inside.store.user_by_name("fay")
        assert user is not None
        return len(await service.inside.store.external_chats(user.id, "gloo"))

    assert asyncio.run_coroutine_threadsafe(chats(), service.loop).result(100) == 0


@pytest.mark.parametrize("stream", [False, True])
def test_completions(modelled: tuple[RunningService, ToolsServer], stream: bool) -> None:
    service, model = modelled
    model.answers = []
    model.say("All is well.")
    body = {"messages": [{"role": "user", "content": "hi"}], "auto_routing": True, "tradition": "catholic"}
    answer = Gloo(service).post(
        "/ai/v2/chat/completions", body | {"stream": stream, "temperature": 0.5, "max_tokens": 9}
    )
    assert (model.bodies[-1]["temperature"], model.bodies[-1]["max_tokens"]) == (0.5, 9)
    assert "catholic" in model.bodies[-1]["messages"][0]["content"]
    if not stream:
        whole = answer.json()
        assert set(whole) == {
            "id", "object", "created", "model", "routing_mechanism", "routing_tier", "routing_confidence",
            "tradition", "provider", "choices", "usage",
        }  # fmt: skip
        assert whole["choices"][0]["message"]["content"] == "All is well."
        assert whole["usage"] == {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        return
    chunks = events_of(answer)
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said.strip() == "All is well."
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("most", "said", "finish"), [(3, "One two three", "length"), (4, "One two three 4.", "stop")])
def test_a_completion_says_whether_its_limit_cut_it(
    modelled: tuple[RunningService, ToolsServer], stream: bool, most: int, said: str, finish: str
) -> None:
    service, model = modelled
    model.answers = []
    model.say("One two three 4.")
    assert completed(service, stream, most) == (said, finish)


@pytest.mark.parametrize("stream", [False, True])
def test_without_a_model_the_limit_is_told_too(service: RunningService, stream: bool) -> None:
    cut, finish = completed(service, stream, 2)
    whole = completed(service, stream, 2_000)
    assert (finish, whole[1]) == ("length", "stop")
    assert len(cut) <= 8 < len(whole[0])


def completed(service: RunningService, stream: bool, most: int) -> tuple[str, str]:
    """The words of a completion of at most so many tokens, and why it ended."""
    body = {"messages": [{"role": "user", "content": QUESTION}], "auto_routing": True, "max_tokens": most}
    answer = Gloo(service).post("/ai/v2/chat/completions", body | {"stream": stream})
    if not stream:
        choice = answer.json()["choices"][0]
        return choice["message"]["content"], choice["finish_reason"]
    choices = [chunk["choices"][0] for chunk in events_of(answer)]
    assert {choice["finish_reason"] for choice in choices[:-1]} == {None}
    return "".join(choice["delta"].get("content", "") for choice in choices).strip(), choices[-1]["finish_reason"]


@pytest.mark.parametrize("stream", [False, True])
def test_completions_with_tools(modelled: tuple[RunningService, ToolsServer], stream: bool) -> None:
    service, model = modelled
    model.answers = []
    model.call(("look_up", {"word": "hope"}))
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    body = {"messages": [{"role": "user", "content": "hi"}], "model": "x", "tools": [tool], "tool_choice": "auto"}
    answer = Gloo(service).post("/ai/v2/chat/completions", body | {"stream": stream})
    assert model.bodies[-1]["tools"] == [tool]
    choice = events_of(answer)[0]["choices"][0] if stream else answer.json()["choices"][0]
    message = choice["delta"] if stream else choice["message"]
    assert message["tool_calls"][0]["function"] == {"name": "look_up", "arguments": '{"word": "hope"}'}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"messages": [{"role": "user", "content": "hi"}]}, 422),
        ({"messages": [{"role": "user", "content": "hi"}], "model": "a", "auto_routing": True}, 422),
        ({"messages": [], "auto_routing": True}, 422),
        ({"auto_routing": True}, 422),
        ({"messages": [{"role": "system", "content": "hi"}], "auto_routing": True}, 400),
        ({"messages": [{"role": "user", "content": "hi"}], "model_family": "any"}, 200),
    ],
)
def test_which_completions_are_taken(gloo: Gloo, body: dict[str, Any], status: int) -> None:
    assert gloo.post("/ai/v2/chat/completions", body).status_code == status


def test_a_gloo_chat_is_spoken_to_by_its_own_id(service: RunningService, gloo: Gloo) -> None:
    chat_id = gloo.ask("Who may see the record of a student?")["chat_id"]

    async def story() -> None:
        async with service.connection(None) as client:
            await client.open(chat_id, token=gloo.headers["Authorization"].removeprefix("Bearer "))
            await client.say("slt/records-office/05")
            said = await client.until("user.message")
            assert said["text"] == "the law protects the privacy of every student"
            begun = await client.until("reply.started")
            await client.send("stop")
            ended = await client.until("reply.ended", turn=begun["turn"])
            assert "FERPA in one page" not in ended["text"], "sources are not read aloud"
            written = await asyncio.to_thread(gloo.ask, "And who pays for shipping?", chat_id=chat_id)
            assert written["chat_id"] == chat_id
            await client.hang_up()

    asyncio.run(story())
    messages = gloo.call("GET", "/ai/v1/chat", params={"chat_id": chat_id}).json()["messages"]
    assert [message["role"] for message in messages] == ["user", "kallm"] * 3
    assert messages[2]["message"] == "the law protects the privacy of every student"
    assert messages[3]["sources"][0]["title"] == "FERPA in one page"
