"""Glean's interface on a running service: chat whole and in lines, kept chats, files, and its refusals."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.doors.body_limit import SMALLER_BODY
from api.doors.glean import chat as glean_chat
from api.doors.glean.requests import GleanMessage, oldest_first, wanted
from models.records.core import Document
from tests.servers.llm import LlmServer
from tests.servers.tools import ToolsServer, tools_server
from tests.service import TOKENS, RunningService, http, running, unhearing

PATHS = ("/chat", "/rest/api/v1/chat")
SHORT_MS = 300
"""A time that a hanging model never keeps."""


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"author": "USER", "messageType": "CONTENT", "fragments": [{"text": text}], **more}


def glean(text: str) -> dict[str, Any]:
    return {"author": "GLEAN_AI", "messageType": "CONTENT", "fragments": [{"text": text}]}


WARRANTY = user("How long is the warranty of a computer?")
RECORDS = user("Who can see a student's education records?")
"""One document answers the one, two the other."""
QUAGGA = user("Is the quagga of Quito extinct?")


def chat(service: RunningService, *messages: dict[str, Any], path: str = PATHS[1], **more: Any) -> dict[str, Any]:
    answer = ask(service, {"messages": list(messages), **more}, path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ask(service: RunningService, body: Any, path: str = PATHS[0], **headers: str) -> httpx.Response:
    with_token = {**service.headers(), "Accept": "application/json", **headers}
    return http.post(f"{service.url}{path}", json=body, headers=with_token)


def call(service: RunningService, name: str, body: Any = None, of: str = "ada") -> httpx.Response:
    return http.post(f"{service.url}/rest/api/v1/{name}", json=body, headers=service.headers(of))


def text_of(response: dict[str, Any]) -> str:
    return str(response["messages"][-1]["fragments"][0]["text"])


def titles_of(response: dict[str, Any]) -> list[str]:
    cited = [fragment["citation"] for fragment in response["messages"][-1]["fragments"][1:]]
    return [citation.get("sourceDocument", citation.get("sourceFile", {})).get("title", "file") for citation in cited]


def stretches(citation: dict[str, Any], text: str) -> list[tuple[dict[str, Any], str]]:
    """A citation's ranges, each with the words of the answer that it points at."""
    places = [(stretch, stretch["textRange"]) for stretch in citation["referenceRanges"] if "textRange" in stretch]
    return [(stretch, text[place["startIndex"] : place["endIndex"]]) for stretch, place in places]


def test_the_request_of_the_page_is_answered_in_its_form(service: RunningService) -> None:
    sample = {"messages": [user("What are the company holidays this year?")]}
    headers = {**service.headers(), "Content-Type": "application/json"}
    answer = http.post(f"{service.url}/rest/api/v1/chat", json=sample, headers=headers)
    assert answer.headers["content-type"].startswith("text/plain"), "as its response schema says"
    last = answer.json()["messages"][-1]
    assert (last["author"], last["messageType"], last["hasMoreFragments"]) == ("GLEAN_AI", "CONTENT", False)
    assert last["agentConfig"] == {"agent": "DEFAULT", "mode": "DEFAULT"}
    assert "Thursday, December 24: Christmas Eve." in last["fragments"][0]["text"]
    assert titles_of(answer.json())[0] == "Company holidays 2026"


@pytest.mark.parametrize("path", PATHS)
def test_an_answer_with_its_citations(service: RunningService, path: str) -> None:
    answer = chat(service, WARRANTY, path=path)
    (message,) = answer["messages"]
    assert (message["author"], message["messageType"], message["hasMoreFragments"]) == ("GLEAN_AI", "CONTENT", False)
    assert message["agentConfig"] == {"agent": "DEFAULT", "mode": "DEFAULT"}
    first, *cited = message["fragments"]
    assert set(first) == {"text"}
    source = cited[0]["citation"]
    assert source["sourceDocument"]["title"] == "Warranty and returns"
    assert source["referenceRanges"]
    assert all(stretch["snippets"][0]["text"] == words for stretch, words in stretches(source, first["text"]))
    assert len(answer["followUpPrompts"]) == 3
    assert answer["backendTimeMillis"] >= 0
    assert "chatId" not in answer, "nothing was kept"


@pytest.mark.parametrize(
    ("story", "authors", "order"),
    [
        ("one question", ["USER"], [0]),
        ("most recent first", ["USER", "GLEAN_AI", "USER"], [2, 1, 0]),
        ("oldest first, from an answer on", ["GLEAN_AI", "USER"], [0, 1]),
        ("most recent first, to an answer", ["USER", "GLEAN_AI"], [1, 0]),
        ("two questions", ["USER", "USER"], [1, 0]),
        ("oldest first, from something else on", ["SYSTEM", "USER"], [0, 1]),
    ],
)
def test_the_order_of_messages(story: str, authors: list[str], order: list[int]) -> None:
    messages = [GleanMessage(author=author) for author in authors]
    assert [next(i for i, known in enumerate(messages) if known is item) for item in oldest_first(messages)] == order


@pytest.mark.parametrize(
    ("accept", "stream", "kind"),
    [
        ("application/json", False, "json"),
        ("application/json", True, "json"),
        ("application/json; charset=utf-8", False, "json"),
        ("text/plain", False, "lines"),
        ("text/plain", True, "lines"),
        ("*/*", False, "text"),
        ("*/*", True, "lines"),
        ("", False, "text"),
    ],
)
def test_how_the_answer_is_sent(accept: str, stream: bool, kind: str) -> None:
    assert wanted(accept, stream) == kind


@pytest.mark.parametrize(
    ("accept", "stream", "kind", "lines"),
    [
        ("application/json", True, "application/json", False),
        ("text/plain", False, "text/plain; charset=utf-8", True),
        ("*/*", False, "text/plain; charset=utf-8", False),
        ("*/*", True, "text/plain; charset=utf-8", True),
    ],
)
def test_the_answer_on_the_wire(service: RunningService, accept: str, stream: bool, kind: str, lines: bool) -> None:
    answer = ask(service, {"messages": [WARRANTY], "stream": stream}, Accept=accept)
    assert answer.headers["content-type"] == kind
    parts = [json.loads(line) for line in answer.text.splitlines()]
    assert (len(parts) > 2) is lines
    assert all(part["messages"][0]["author"] == "GLEAN_AI" for part in parts)
    assert all(part["messages"][0]["messageType"] == "CONTENT" for part in parts)
    said = "".join(item.get("text", "") for part in parts for item in part["messages"][0]["fragments"])
    assert said.strip() == text_of(chat(service, WARRANTY))
    assert len(parts[-1]["followUpPrompts"]) == 3
    assert "citation" in parts[-1]["messages"][0]["fragments"][-1]


@pytest.fixture
def quaggas(service: RunningService) -> None:
    """Two documents that answer a question; the second is the third passage, beyond the two of a quick search."""
    texts = (
        "## The animal\n\nThe quagga of Quito is extinct.\n\n## The zoo\n\nThe quagga of Quito is extinct since 1883.",
        "The quagga of Quito is extinct, they say.",
    )
    documents = [Document(f"quagga-{n}", f"Quagga {n}", text=text) for n, text in enumerate(texts)]
    asyncio.run_coroutine_threadsafe(service.inside.store.install(documents=documents), service.loop).result(100)


@pytest.mark.usefixtures("quaggas")
@pytest.mark.parametrize("accept", ["application/json", "text/plain"])
def test_citations_point_at_what_they_say(service: RunningService, accept: str) -> None:
    asked = QUAGGA
    answer = ask(service, {"messages": [asked]}, Accept=accept)
    parts = [json.loads(line)["messages"][0] for line in answer.text.splitlines()]
    text = "".join(item.get("text", "") for part in parts for item in part["fragments"])
    cited = [item["citation"] for item in parts[-1]["fragments"] if "citation" in item]
    assert len(cited) > 1
    for citation in cited:
        found = stretches(citation, text)
        assert found
        for stretch, words in found:
            assert [snippet["text"] for snippet in stretch["snippets"]] == [words]
            assert words[0].isupper()
            assert words[-1] in ".!?"


def test_inclusions_and_exclusions(service: RunningService) -> None:
    asked = RECORDS
    everything = titles_of(chat(service, asked))
    assert len(everything) > 1
    cited = chat(service, asked)["messages"][0]["fragments"][1:]
    sources = [fragment["citation"]["sourceDocument"] for fragment in cited]
    first, name = sources[0]["id"], sources[0]["title"]
    only = {"documentSpecs": [{"id": first}]}
    assert titles_of(chat(service, asked, inclusions=only)) == [name]
    assert name not in titles_of(chat(service, asked, exclusions=only))
    assert titles_of(chat(service, asked, inclusions=only, exclusions=only)) == [], "exclusions win"
    for spec in ({"ugcType": "ANSWERS", "contentId": 1}, {"ugcType": "CHATS", "ugcId": "x"}, {"kind": "new"}, {}):
        assert titles_of(chat(service, asked, inclusions={"documentSpecs": [spec]})) == [], spec
        assert titles_of(chat(service, asked, inclusions={"containerSpecs": [spec]})) == [], spec
        assert titles_of(chat(service, asked, exclusions={"documentSpecs": [spec]})) == everything, spec
    assert titles_of(chat(service, asked, inclusions={"datasourceInstances": ["demo"]})) == everything
    assert titles_of(chat(service, asked, inclusions={"datasourceInstances": ["elsewhere"]})) == []
    assert titles_of(chat(service, asked, exclusions={"containerSpecs": [{"id": "demo"}]})) == []


@pytest.mark.usefixtures("quaggas")
@pytest.mark.parametrize(
    ("agent", "sources"),
    [({"agent": "GPT"}, 0), ({"mode": "QUICK"}, 1), ({"agent": "FAST"}, 1), ({"agent": "ADVANCED"}, 2), (None, 2)],
)
def test_the_agent_decides_how_much_is_searched(service: RunningService, agent: Any, sources: int) -> None:
    answer = chat(service, QUAGGA, agentConfig=agent)
    assert len(titles_of(answer)) == sources
    assert answer["messages"][0]["agentConfig"]["agent"] == ((agent or {}).get("agent") or "DEFAULT")


def test_an_agent_that_there_is_not_says_which_there_are(service: RunningService) -> None:
    for config, known in (({"agent": "NEW_ONE"}, "'DEFAULT', 'GPT'"), ({"mode": "SLOW"}, "'DEFAULT' or 'QUICK'")):
        refused = ask(service, {"messages": [WARRANTY], "agentConfig": config})
        assert (refused.status_code, known in refused.text) == (400, True), refused.text
    for name in ("applicationId", "agentId"):
        refused = ask(service, {"messages": [WARRANTY], name: "app"})
        assert (refused.status_code, "no application or agent 'app'" in refused.text) == (400, True), refused.text


def test_a_kept_chat(service: RunningService) -> None:
    first = chat(service, WARRANTY, saveChat=True)
    again = chat(service, user("And who repairs it?"), chatId=first["chatId"], saveChat=True)
    assert again["chatId"] == first["chatId"]
    chat(service, user("This is not kept."), chatId=first["chatId"], saveChat=False)
    listed = call(service, "listchats").json()["chatResults"]
    found = next(item["chat"] for item in listed if item["chat"]["id"] == first["chatId"])
    assert isinstance(found["createTime"], int)
    assert found["createdBy"]["name"] == "ada"
    kept = call(service, "getchat", {"id": first["chatId"]}).json()["chatResult"]["chat"]
    assert [message["author"] for message in kept["messages"]] == ["USER", "GLEAN_AI"] * 2
    assert kept["messages"][1]["messageId"] == first["messages"][0]["messageId"]
    assert call(service, "deletechats", {"ids": [first["chatId"], "none"]}).status_code == 200
    assert call(service, "getchat", {"id": first["chatId"]}).status_code == 404


def test_exchanges_at_once_each_stay_together(service: RunningService) -> None:
    kept = chat(service, WARRANTY, saveChat=True)["chatId"]

    async def at_once() -> list[int]:
        async with httpx.AsyncClient(headers=service.headers()) as client:
            bodies = [{"messages": [user(f"Question {n}?")], "chatId": kept, "saveChat": True} for n in range(10)]
            answers = await asyncio.gather(*(client.post(f"{service.url}/chat", json=body) for body in bodies))
            return [answer.status_code for answer in answers]

    assert asyncio.run(at_once()) == [200] * 10
    messages = call(service, "getchat", {"id": kept}).json()["chatResult"]["chat"]["messages"]
    assert [message["author"] for message in messages] == ["USER", "GLEAN_AI"] * 11


def test_an_empty_chat_id_begins_a_new_chat(service: RunningService) -> None:
    assert chat(service, WARRANTY, chatId="", saveChat=True)["chatId"]
    assert "chatId" not in chat(service, WARRANTY, chatId="")


def test_all_chats_are_deleted_and_nobody_elses(service: RunningService) -> None:
    theirs = http.post(
        f"{service.url}/chat",
        json={"messages": [WARRANTY], "saveChat": True},
        headers={**service.headers("bob"), "Accept": "application/json"},
    ).json()["chatId"]
    chat(service, WARRANTY, saveChat=True)
    assert call(service, "getchat", {"id": theirs}).status_code == 404
    assert call(service, "deletechats", {"ids": [theirs]}).status_code == 200
    assert call(service, "deleteallchats").status_code == 200
    assert call(service, "listchats").json() == {"chatResults": []}
    assert call(service, "getchat", {"id": theirs}, "bob").status_code == 200


def test_a_gloo_token_opens_no_chat_of_another_user(service: RunningService) -> None:
    kept = chat(service, WARRANTY, saveChat=True)["chatId"]

    async def token() -> str | None:
        secret, made = await service.inside.store.create_oauth_client("gil")
        return await service.inside.store.issue_access_token(made.id, secret, "api/access", timedelta(hours=1))

    gloo = asyncio.run_coroutine_threadsafe(token(), service.loop).result(100)
    headers = {"Authorization": f"Bearer {gloo}"}
    assert http.post(f"{service.url}/rest/api/v1/getchat", json={"id": kept}, headers=headers).status_code == 404
    assert http.get(f"{service.url}/ai/v1/chat", params={"chat_id": kept}, headers=headers).status_code == 404

    async def story() -> None:
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=kept, token=gloo)
            assert (await client.until("error"))["code"] == "not_found"

    asyncio.run(story())


def test_applications_are_personas(service: RunningService) -> None:
    async def packaged() -> Any:
        return next(one for one in await service.inside.store.personas() if one.name == "Dana Whitfield")

    persona = asyncio.run_coroutine_threadsafe(packaged(), service.loop).result(100)
    found = call(service, "getchatapplication", {"id": persona.id}).json()["application"]
    assert (found["id"], found["name"]) == (persona.id, persona.name)
    assert call(service, "getchatapplication", {"id": "none"}).status_code == 404
    kept = chat(service, WARRANTY, applicationId=persona.id, saveChat=True)["chatId"]
    # An application searches the documents of its scenarios, and its chats keep to it.
    asked = user("What does the law say about education records?")
    for further in ({"applicationId": persona.id}, {"agentId": persona.id}, {"chatId": kept, "saveChat": False}):
        assert titles_of(chat(service, asked, **further)) == ["FERPA in one page"], further
    none = chat(service, asked, agentId=persona.id, inclusions={"documentSpecs": [{"id": "elsewhere"}]})
    assert titles_of(none) == []
    assert call(service, "getchat", {"id": kept}).json()["chatResult"]["chat"]["applicationId"] == persona.id


def test_files(service: RunningService) -> None:
    files = [
        ("files", ("lunch.md", b"# Lunch\n\nThe canteen serves pancakes on Fridays.", "text/markdown")),
        ("files", ("picture.png", b"\x89PNG", "image/png")),
        ("files", ("latin.txt", b"\xe9\xe9", "text/plain")),
    ]
    made = http.post(f"{service.url}/rest/api/v1/uploadchatfiles", files=files, headers=service.headers())
    found = made.json()["files"]
    states = [(item["metadata"]["status"], item["metadata"].get("failureReason")) for item in found]
    assert states == [("PROCESSED", None), ("FAILED", "FILE_EXTENSION_UNSUPPORTED"), ("FAILED", "PARSE_FAILED")]
    ids = [item["id"] for item in found]
    assert set(call(service, "getchatfiles", {"fileIds": ids}).json()["files"]) == set(ids)
    assert call(service, "getchatfiles", {"fileIds": ids}, "bob").json() == {"files": {}}
    answer = chat(service, user("When are there pancakes in the canteen?", uploadedFileIds=ids))
    assert "pancakes on Fridays" in text_of(answer)
    assert answer["messages"][0]["fragments"][1]["citation"]["sourceFile"]["name"] == "lunch.md"
    assert call(service, "deletechatfiles", {"fileIds": ids}).status_code == 200
    assert call(service, "getchatfiles", {"fileIds": ids}).json() == {"files": {}}
    assert http.post(f"{service.url}/rest/api/v1/uploadchatfiles", headers=service.headers()).status_code == 400


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "messages: Field required"),
        ({"messages": []}, "messages: List should have at least 1 item"),
        ({"messages": "hello"}, "messages: Input should be a valid list"),
        ({"messages": [glean("hello")]}, "messages must hold a message of the author USER"),
        ({"messages": [user("x", messageType="CONTEXT")]}, "messages must hold a message of the author USER"),
        ({"messages": [WARRANTY], "timeoutMillis": 0}, "timeoutMillis"),
        ([], "The request is not a JSON object"),
    ],
)
def test_bad_requests(service: RunningService, body: Any, reason: str) -> None:
    answer = ask(service, body)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith(f"Invalid request: {reason}")


def test_fragments_that_are_null_and_fields_nobody_knows(service: RunningService) -> None:
    answer = chat(service, {"author": "USER", "fragments": None, "colour": "red"}, sessionInfo={"tabId": "t"}, x=1)
    assert text_of(answer) == "What would you like to know?"


def test_other_refusals(service: RunningService) -> None:
    broken = http.post(
        f"{service.url}/chat", content=b"{", headers=service.headers() | {"Content-Type": "application/json"}
    )
    assert (broken.status_code, broken.text[:16]) == (400, "Invalid request:")
    unknown = ask(service, {"messages": [WARRANTY], "chatId": "none"})
    assert (unknown.status_code, unknown.text) == (404, "There is no such chat.")
    offset = ask(service, {"messages": [WARRANTY]}, "/chat?timezoneOffset=99999")
    assert offset.status_code == 400
    assert ask(service, {"messages": [WARRANTY]}, "/chat?timezoneOffset=-420&locale=en").status_code == 200
    large = http.post(f"{service.url}/chat", content=b"x" * (SMALLER_BODY + 1), headers=service.headers())
    assert large.status_code == 413
    wrong = ask(service, {"messages": [WARRANTY]}, Authorization="Bearer wrong")
    assert (wrong.status_code, wrong.text) == (401, "Invalid Secret\nNot allowed")
    assert call(service, "getchat", {}).text == "Invalid request: id is required"
    assert call(service, "deletechats", {"ids": "all"}).status_code == 400


def test_an_expired_token_is_told_apart(service: RunningService) -> None:
    async def token() -> str | None:
        secret, made = await service.inside.store.create_oauth_client("gil")
        return await service.inside.store.issue_access_token(made.id, secret, "api/access", timedelta(seconds=-1))

    expired = asyncio.run_coroutine_threadsafe(token(), service.loop).result(100)
    answer = ask(service, {"messages": [WARRANTY]}, Authorization=f"Bearer {expired}")
    assert (answer.status_code, answer.text) == (401, "Token has expired\nNot allowed")


@pytest.mark.parametrize("header", ["X-Scio-Actas", "X-Glean-ActAs"])
def test_acting_for_another_user_takes_a_token_that_may(service: RunningService, header: str) -> None:
    refused = ask(service, {"messages": [WARRANTY]}, **{header: "eve@example.com"})
    assert refused.status_code == 403
    assert set(refused.json()) >= {"errorType", "createdBy", "requestableRoles", "hasPendingRequest"}

    async def token() -> str:
        secret, made = await service.inside.store.create_token("admin")
        await service.inside.store.allow_acting(made.id)
        return secret

    async def registered() -> None:
        await service.inside.store.create_user(f"{header}@example.com")

    mighty = {"Authorization": f"Bearer {asyncio.run_coroutine_threadsafe(token(), service.loop).result(100)}"}
    body = {"messages": [WARRANTY], "saveChat": True}
    unknown = ask(service, body, **mighty, **{header: f"{header}@example.com"})
    assert (unknown.status_code, "Nobody is registered" in unknown.json()["message"]) == (403, True)
    asyncio.run_coroutine_threadsafe(registered(), service.loop).result(100)
    kept = ask(service, body, **mighty, **{header: f"{header}@example.com"}).json()["chatId"]
    listed = http.post(
        f"{service.url}/rest/api/v1/listchats", headers={**mighty, header: f"{header}@example.com"}
    ).json()["chatResults"]
    assert [item["chat"]["id"] for item in listed] == [kept]
    assert listed[0]["chat"]["createdBy"]["name"] == f"{header}@example.com"
    own = http.post(f"{service.url}/rest/api/v1/listchats", headers=mighty).json()["chatResults"]
    assert own == []
    assert ask(service, body, **mighty, **{header: "no address"}).status_code == 400


def test_an_operator_may_have_users_made_for_whom_a_token_acts(tmp_path: Path) -> None:
    with unhearing(tmp_path, act_for_unknown=True) as service:

        async def token() -> str:
            return (await service.inside.store.create_token("admin", scope="operator"))[0]

        secret = asyncio.run_coroutine_threadsafe(token(), service.loop).result(100)
        headers = {"Authorization": f"Bearer {secret}", "X-Scio-Actas": "new@example.com"}
        answer = http.post(f"{service.url}/rest/api/v1/listchats", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"chatResults": []})


def test_too_many_requests(tmp_path: Path) -> None:
    with unhearing(tmp_path, requests_per_minute=2) as service:
        answers = [call(service, "listchats") for _ in range(3)]
        other_door = http.post(f"{service.url}/ai/v1/message", json={"query": "x"}, headers=service.headers())
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].text == "Too Many Requests"
    assert int(answers[2].headers["retry-after"]) >= 1
    assert other_door.status_code == 200, "each door counts for itself"


@contextmanager
def slow_model(folder: Path, llm: LlmServer, model: str) -> Iterator[RunningService]:
    """A service whose language model never comes to an end."""
    with unhearing(folder, llm="openai", openai_base_url=llm.url, llm_model=model) as service:
        yield service
        kept = call(service, "listchats").json()["chatResults"]
        assert kept == [], "nothing is kept of an answer that did not come"


@pytest.mark.parametrize(("model", "stream"), [("hang", False), ("hang", True), ("hang-mid", False)])
@pytest.mark.slow
def test_a_timeout_before_streaming_began(tmp_path: Path, llm_server: LlmServer, model: str, stream: bool) -> None:
    body = {"messages": [WARRANTY], "stream": stream, "timeoutMillis": SHORT_MS, "saveChat": True}
    with slow_model(tmp_path, llm_server, model) as service:
        answer = ask(service, body, Accept="*/*")
    assert (answer.status_code, answer.text) == (408, "Request Timeout")


def test_a_timeout_after_streaming_began(
    tmp_path: Path, llm_server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its first word is waited for without a limit, however busy the machine; the limit is for what comes then.
    limits = iter([None])
    monkeypatch.setattr(glean_chat._Turn, "left_s", property(lambda turn: next(limits, SHORT_MS / 1000)))
    body = {"messages": [WARRANTY], "stream": True, "timeoutMillis": SHORT_MS, "saveChat": True}
    with slow_model(tmp_path, llm_server, "hang-mid") as service:
        answer = ask(service, body, Accept="*/*")
    assert answer.status_code == 200
    *deltas, last = [json.loads(line)["messages"][0] for line in answer.text.splitlines()]
    assert "".join(item["fragments"][0]["text"] for item in deltas).startswith("Well")
    assert (last["author"], last["messageType"]) == ("GLEAN_AI", "ERROR")
    assert last["fragments"] == [{"text": "Request Timeout"}]


@pytest.fixture(scope="module")
def modelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningService, ToolsServer]]:
    """A service with a language model."""
    folder = tmp_path_factory.mktemp("glean")
    with tools_server() as model, running(folder, llm="openai", openai_base_url=model.url) as service:
        yield service, model


def test_what_the_model_is_told(modelled: tuple[RunningService, ToolsServer]) -> None:
    service, model = modelled
    model.answers = []
    model.say("One year.")
    context = user("Be brief.", messageType="CONTEXT")
    sent = [WARRANTY, glean("Hello."), user("Hi."), context]
    answer = ask(service, {"messages": sent}, "/chat?timezoneOffset=60")
    assert text_of(answer.json()) == "One year."
    system, *said = model.bodies[-2]["messages"]
    assert "Be brief." in system["content"]
    assert "where the user is" in system["content"]
    assert [message["content"] for message in said] == ["Hi.", "Hello.", WARRANTY["fragments"][0]["text"]]


def test_what_a_model_says_in_its_own_words_is_cited_without_a_place(
    modelled: tuple[RunningService, ToolsServer],
) -> None:
    service, model = modelled
    model.answers = []
    model.say("Twelve months, from the day on which it was bought.")
    first, *cited = ask(service, {"messages": [WARRANTY]}).json()["messages"][0]["fragments"]
    citations = [item["citation"] for item in cited]
    assert [words for citation in citations for _, words in stretches(citation, first["text"])] == []
    assert any("one year" in citation["referenceRanges"][0]["snippets"][0]["text"] for citation in citations)


def test_a_model_that_fails(modelled: tuple[RunningService, ToolsServer]) -> None:
    service, model = modelled
    model.answers = []
    model.refuse(500)
    answer = ask(service, {"messages": [WARRANTY]})
    assert (answer.status_code, answer.text) == (500, "Something went wrong")


@pytest.mark.slow
def test_a_glean_chat_is_spoken_to_by_its_own_id(service: RunningService) -> None:
    kept = chat(service, user("What does the law say about records?"), saveChat=True)["chatId"]

    async def story() -> None:
        async with service.connection(None) as client:
            await client.open(kept, token=TOKENS["ada"])
            await client.say("rms/records-office/05")
            await client.until("user.message")
            begun = await client.until("reply.started")
            await client.send("stop")
            ended = await client.until("reply.ended", turn=begun["turn"])
            assert "FERPA in one page" not in ended["text"]
            await client.hang_up()

    asyncio.run(story())
    messages = call(service, "getchat", {"id": kept}).json()["chatResult"]["chat"]["messages"]
    assert [message["author"] for message in messages] == ["USER", "GLEAN_AI"] * 2
    assert messages[3]["fragments"][1]["citation"]["sourceDocument"]["title"] == "FERPA in one page"
