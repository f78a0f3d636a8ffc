"""Drafts: versions, conflicts, what they select, and the chats that are made from them."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from api.doors.glow.operations.shapes_chats import ChatGetReply
from api.doors.glow.operations.shapes_drafts import FormState
from models.store import Store
from pipeline.practice.sections import KINDS
from pipeline.practice.selection import LISTS
from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService, http


def save(service: RunningService, user: str = "ada", **body: Any) -> dict[str, Any]:
    return ok(service.post("/attempt/chat_draft", body, user))


def found(service: RunningService, kind: str, search: str = "") -> list[str]:
    items = ok(service.post(f"/{kind}/search", {"search": search}))[f"{kind}s"]
    return [item[f"{kind}_id"] for item in items]


def test_a_form_has_the_lists_of_a_draft_and_a_chat_its_sections() -> None:
    assert [name for name in FormState.model_fields if name.endswith("_ids")] == list(LISTS)
    lists = {name.removesuffix("_ids") for name in ChatGetReply.model_fields if name.endswith("_ids")}
    assert lists == set(KINDS)


def test_every_save_is_a_version_and_keeps_what_it_does_not_mention(service: RunningService) -> None:
    persona, papers = found(service, "persona")[0], found(service, "document")[:2]
    first = save(service, name="Custom FERPA Chat", persona_ids=[persona])
    second = save(service, draft_id=first["draft_id"], expected_version=1, document_ids=papers)
    assert (first["new_version"], second["new_version"], second["version"]) == (1, 2, 2)
    form = second["form_state"]
    assert (form["name"], form["persona_ids"], form["document_ids"]) == ("Custom FERPA Chat", [persona], papers)
    assert form["name_ids"] == [form["name_id"]]


def test_values_become_resources(service: RunningService) -> None:
    question = {"question_text": "Who?", "allow_multiple": True, "options": [{"option_text": "She"}]}
    body = {"problem_statement": "It rains.", "objectives": ["Be kind", "Be brief"], "questions": [question]}
    form = save(service, **body, options=[{"option_text": "He"}])["form_state"]
    assert form["problem_statement"] == "It rains."
    assert (len(form["objective_ids"]), len(form["question_ids"]), len(form["option_ids"])) == (2, 1, 1)


def test_hundreds_of_values_are_kept_in_one_write(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[int] = []
    install = Store.install

    async def counted(self: Store, **content: Any) -> None:
        writes.append(len(content["resources"]))
        await install(self, **content)

    monkeypatch.setattr(Store, "install", counted)
    form = save(service, videos=[{"name": f"Video {number}"} for number in range(200)], name="Many")["form_state"]
    assert (len(form["video_ids"]), writes) == (200, [201])


@pytest.mark.parametrize(("expected", "found"), [(0, 1), (7, 1), (-1, 1)])
def test_a_stale_version_is_refused_with_both(service: RunningService, expected: int, found: int) -> None:
    draft = save(service, name="Mine")["draft_id"]
    body = {"draft_id": draft, "expected_version": expected, "name": "Late"}
    refused = service.post("/attempt/chat_draft", body)
    assert detail(refused) == (409, f"Draft version conflict: expected {expected}, found {found}")


def test_a_new_draft_expects_nothing(service: RunningService) -> None:
    assert save(service, name="New", expected_version=0)["version"] == 1
    refused = service.post("/attempt/chat_draft", {"name": "New", "expected_version": 3})
    assert detail(refused) == (409, "Draft version conflict: expected 3, found 0")


def test_of_two_who_save_at_once_one_wins(service: RunningService) -> None:
    draft = save(service, name="Shared")["draft_id"]

    async def story() -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=service.url, headers=service.headers(), timeout=100) as client:
            saves = [
                client.post(
                    "/attempt/chat_draft", json={"draft_id": draft, "expected_version": 1, "name": f"By {name}"}
                )
                for name in range(8)
            ]
            return list(await asyncio.gather(*saves))

    answers = asyncio.run(story())
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code == 409]
    assert (len(won), len(lost)) == (1, 7)
    assert {answer.json()["detail"] for answer in lost} == {"Draft version conflict: expected 1, found 2"}
    entries = ok(service.post("/attempt/chat_drafts", {}))["entries"]
    (entry,) = [entry for entry in entries if entry["id"] == draft]
    assert (entry["version"], entry["name"]) == (2, won[0].json()["form_state"]["name"])


def test_a_draft_is_its_owners(service: RunningService) -> None:
    theirs = save(service, "bob", name="Theirs")["draft_id"]
    for draft in (theirs, "nowhere"):
        assert service.post("/attempt/chat_draft", {"draft_id": draft, "name": "Mine now"}).status_code == 404
    assert theirs not in [entry["id"] for entry in ok(service.post("/attempt/chat_drafts", {}))["entries"]]


def test_drafts_are_listed_by_page_words_and_time(service: RunningService) -> None:
    for number in range(3):
        save(service, "eve", name=f"Heron {number}")
    listed = ok(service.post("/attempt/chat_drafts", {"search": "heron", "page_limit": 2}, "eve"))
    assert listed["total"] == 3
    assert [entry["name"] for entry in listed["entries"]] == ["Heron 2", "Heron 1"]
    rest = ok(service.post("/attempt/chat_drafts", {"search": "heron", "page_limit": 2, "page_offset": 2}, "eve"))
    assert [entry["name"] for entry in rest["entries"]] == ["Heron 0"]
    assert ok(service.post("/attempt/chat_drafts", {"date_to": "2001-01-01"}, "eve"))["entries"] == []
    assert service.post("/attempt/chat_drafts", {"date_from": "yesterday"}, "eve").status_code == 400
    empty = http.post(f"{service.url}/attempt/chat_drafts", headers=service.headers("eve"))
    assert empty.status_code == 200


@pytest.mark.parametrize(("method", "path"), [("PATCH", "/attempt/chat_draft"), ("POST", "/attempt/draft")])
def test_other_ways_to_save(service: RunningService, method: str, path: str) -> None:
    answer = http.request(method, f"{service.url}{path}", json={"name": "x"}, headers=service.headers())
    assert ok(answer)["version"] == 1


def test_a_chat_started_from_a_draft_uses_it(service: RunningService) -> None:
    found = ok(service.post("/persona/search", {"search": "nervous patient"}))["personas"]
    field = ok(service.post("/parameter/create", {"name": "town", "values": ["Leeds"]}))["fields"][0]["id"]
    draft = save(
        service,
        name="Another patient",
        persona_ids=[found[0]["persona_id"]],
        parameter_field_ids=[field],
        objectives=["Be kind"],
    )["draft_id"]
    chat = start(service, draft_id=draft)["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    assert [item["name"] for item in got["names"]] == ["Another patient"]
    assert [item["name"] for item in got["personas"]] == ["Ruth Penhallow"]
    assert [item["objective"] for item in got["objectives"]] == ["Be kind"]
    said = {"chat_id": chat, "text": "My name is Kim, I am your nurse.", "wait_for_complete": True}
    assert "Ruth" in ok(service.post("/attempt/chat_message", said))["assistant_content"]
    shown = ok(service.post("/attempt/chat_get", {"chat_entry_id": start(service)["chat_id"], "draft_id": draft}))
    assert (shown["draft_version"], [item["objective"] for item in shown["objectives"]]) == (1, ["Be kind"])


def test_a_draft_of_a_chat_changes_it_from_the_next_message(service: RunningService) -> None:
    started = start(service)
    chat = started["chat_id"]
    said = {"chat_id": chat, "wait_for_complete": True}
    ok(service.post("/attempt/chat_message", {**said, "text": "Good morning."}))
    ruth = found(service, "persona", "nervous patient")
    changed = save(service, chat_id=chat, persona_ids=ruth, objectives=["Be kind"])
    assert (changed["chat_id"], changed["applied"]) == (chat, True)
    assert changed["message"] == "Draft created. The chat takes it on from the next message."
    text = "My name is Kim, I am your nurse."
    assert "Ruth" in ok(service.post("/attempt/chat_message", {**said, "text": text}))["assistant_content"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    assert (got["persona_ids"], [item["objective"] for item in got["objectives"]]) == (ruth, ["Be kind"])
    names = [message["contents"][0]["name"] for message in got["messages"]]
    assert names == ["ada", "Dana Whitfield", "ada", "Ruth Penhallow"], "who has spoken keeps the name"
    exported = json.loads(ok(service.post("/attempt/chat_export", {"chat_id": chat, "format": "json"}))["content"])
    assert [draft["id"] for draft in exported["drafts"]] == [changed["draft_id"]]
    assert (exported["grade"], exported["responses"], exported["hints"]) == (None, [], [])
    listed = ok(service.post("/attempt/chat_drafts", {"chat_id": chat}))["entries"]
    assert [draft["id"] for draft in listed] == [changed["draft_id"]]


def test_a_draft_is_taken_on_with_a_message_and_by_no_other_chat(service: RunningService) -> None:
    chat, other = start(service)["chat_id"], start(service)["chat_id"]
    draft = save(service, persona_ids=found(service, "persona", "nervous patient"))
    assert (draft["chat_id"], draft["applied"]) == (None, False)
    said = {"chat_id": chat, "text": "I am your nurse.", "draft_id": draft["draft_id"], "wait_for_complete": True}
    ok(service.post("/attempt/chat_message", said))
    assert ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))["personas"][0]["name"] == "Ruth Penhallow"
    of_other = save(service, chat_id=other, name="Only here")["draft_id"]
    refused = service.post("/attempt/chat_message", {**said, "draft_id": of_other})
    assert (refused.status_code, other in refused.json()["detail"]) == (400, True)


def test_a_call_by_request_takes_a_draft_on(service: RunningService) -> None:
    chat, other = start(service)["chat_id"], start(service)["chat_id"]
    draft = save(service, persona_ids=found(service, "persona", "nervous patient"))["draft_id"]
    ok(service.post("/attempt/chat_voice", {"chat_id": chat, "draft_id": draft}))
    assert ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))["personas"][0]["name"] == "Ruth Penhallow"
    of_other = save(service, chat_id=other, name="Only here")["draft_id"]
    for draft_id, status in ((of_other, 400), ("nowhere", 404)):
        assert service.post("/attempt/chat_voice", {"chat_id": chat, "draft_id": draft_id}).status_code == status
    assert ok(service.post("/attempt/chat_silence", {"chat_id": chat}))["stopped"]


def test_unknown_ids_are_refused_by_name(service: RunningService) -> None:
    body = {"persona_ids": ["concerned-student-uuid"], "document_ids": found(service, "document")[:1]}
    status, reason = detail(service.post("/attempt/chat_draft", body))
    assert (status, reason.partition(".")[0]) == (400, "Unknown ids: persona_ids: concerned-student-uuid")
