"""chat_get with its filters, chat_create, messages and threads, questions, completion, and who may do what."""

from typing import Any

import httpx
import pytest

from pipeline.chats.hub import chat_channel
from tests.service import RunningService, http


def detail(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["detail"]


def start(
    service: RunningService, practice: str = "The worried parent", user: str = "ada", **fields: Any
) -> dict[str, Any]:
    answer = service.post("/attempt/start", {"practice_id": service.practice(practice), **fields}, user)
    assert answer.status_code == 200, answer.text
    started: dict[str, Any] = answer.json()
    return started


def ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    reply: dict[str, Any] = answer.json()
    return reply


def test_a_chat_comes_with_everything_about_it(service: RunningService) -> None:
    started = start(service)
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": started["chat_id"]}))
    assert [item["name"] for item in got["personas"]] == ["Dana Whitfield"]
    assert got["persona_ids"] == [got["personas"][0]["persona_id"]]
    assert [item["name"] for item in got["documents"]] == ["FERPA in one page"]
    assert len(got["objectives"]) == len(got["objective_ids"]) == 4
    assert [item["parameter_name"] for item in got["parameter_fields"]] == ["campus"]
    assert [item["allow_multiple"] for item in got["questions"]] == [False, True]
    assert {item["question_id"] for item in got["options"]} == set(got["question_ids"])
    assert got["timer"]["time_limit_seconds"] == 1800
    assert all(item["selected"] for section in ("personas", "documents", "questions") for item in got[section])


@pytest.mark.parametrize(
    ("filters", "section", "names"),
    [
        ({"persona_search": "nobody at all"}, "personas", []),
        ({"persona_search": "WORRIED mother"}, "personas", ["Dana Whitfield"]),
        ({"persona_search": "nervous", "persona_show_selected": False}, "personas", ["Ruth Penhallow"]),
        ({"personas": {"search": "nervous", "selected": False}}, "personas", ["Ruth Penhallow"]),
        ({"persona": {"search": "nervous", "selected": False}}, "personas", ["Ruth Penhallow"]),
        ({"personas": {"include": False}}, "personas", []),
        (
            {"document_search": "stained receipt", "document_show_selected": False},
            "documents",
            ["Warranty and returns"],
        ),
        ({"document_search": "eligible student"}, "documents", ["FERPA in one page"]),
        ({"documents": {"selected": False, "limit": 1}}, "documents", ["FERPA in one page"]),
    ],
)
def test_filters_flat_and_nested(
    service: RunningService, filters: dict[str, Any], section: str, names: list[str]
) -> None:
    chat = start(service)["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat, **filters}))
    assert [item["name"] for item in got[section]] == names
    assert len(got["persona_ids"]) == 1, "a filter never changes what is selected"


@pytest.mark.parametrize(
    ("name", "section", "word", "text"),
    [
        ("description_search", "descriptions", "grades", "description"),
        ("problem_statement_search", "problem_statements", "release", "problem_statement"),
        ("question_search", "questions", "permission", "question_text"),
        ("option_search", "options", "tuition", "option_text"),
    ],
)
def test_every_text_can_be_searched(service: RunningService, name: str, section: str, word: str, text: str) -> None:
    chat = start(service)["chat_id"]
    for search, found in ((word, True), ("xylophone", False)):
        got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat, name: search}))
        assert bool(got[section]) is found
        assert all(search in item[text].lower() for item in got[section])


def test_a_search_for_questions_leaves_the_options_of_those(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat, "question_search": "permission"}))
    (question,) = got["questions"]
    assert {item["question_id"] for item in got["options"]} == {question["question_id"]}
    assert len(got["options"]) == 3
    assert len(got["option_ids"]) == 6, "a filter never changes what is selected"
    both = {"chat_entry_id": chat, "question_search": "permission", "option_search": "release form"}
    assert ok(service.post("/attempt/chat_get", both))["options"] == [], "that option is another question's"


def test_filters_that_do_not_exist_or_do_not_fit_are_refused(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    for filters, words in (
        ({"persona_serach": "x", "person_search": "confused"}, "no filter 'person_search'"),
        ({"option_show_selected": True}, "no filter 'option_show_selected'"),
        ({"persona_search": 5}, "persona_search takes a text"),
        ({"document_search": ["FERPA"]}, "document_search takes a text"),
        ({"persona_show_selected": "yes"}, "persona_show_selected takes true or false"),
        ({"persons": {"search": "x"}}, "no section 'persons'"),
        ({"personas": "confused"}, "personas takes an object"),
        ({"personas": {"searhc": "x"}}, "personas has no filter 'searhc'"),
        ({"personas": {"limit": "1"}}, "personas.limit"),
        ({"documents": {"limit": -1}}, "documents.limit"),
    ):
        status, sentence = detail(service.post("/attempt/chat_get", {"chat_entry_id": chat, **filters}))
        assert (status, words in sentence) == (400, True), (filters, sentence)
    fine = {"chat_entry_id": chat, "persona_search": None, "personas": None, "locale": "en"}
    assert service.post("/attempt/chat_get", fine).status_code == 200


def test_images_and_videos_can_be_searched(service: RunningService) -> None:
    media = {"images": [{"name": "The form", "description": "blue"}], "videos": [{"name": "A tour"}]}
    draft = ok(service.post("/attempt/chat_draft", media))["draft_id"]
    chat = start(service, draft_id=draft)["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat, "image_search": "blue", "video_search": "moon"}))
    assert [item["name"] for item in got["images"]] == ["The form"]
    assert got["videos"] == []


def test_a_chat_for_tooling(service: RunningService) -> None:
    started = start(service)
    body = {
        "attempt_id": started["attempt_id"],
        "name": "A second call",
        "problem_statement": "She calls again.",
        "objectives": ["Be brief"],
        "questions": [{"question_text": "Who?", "options": [{"option_text": "She", "is_correct": True}]}],
    }
    made = ok(service.post("/attempt/chat_create", body))
    assert made["attempt_chat_id"] == made["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": made["chat_id"]}))
    assert got["names"][0]["name"] == "A second call"
    assert [item["problem_statement"] for item in got["problem_statements"]] == ["She calls again."]
    assert [item["objective"] for item in got["objectives"]] == ["Be brief"]
    assert [item["question_text"] for item in got["questions"]] == ["Who?"]
    assert [item["name"] for item in got["personas"]] == ["Dana Whitfield"]


def test_messages_are_threads(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    first = ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": "One.", "generate": False}))
    for text in ("Two.", "Or two."):
        body = {"chat_id": chat, "text": text, "parent_message_id": first["message_id"], "generate": False}
        ok(service.post("/attempt/chat_message", body))
    alone = {"chat_id": chat, "text": "Three.", "auto_link_parent": False, "generate": False}
    ok(service.post("/attempt/chat_message", alone))
    told = [(item["sibling_index"], item["sibling_count"]) for item in service.history(chat)]
    assert told == [(0, 2), (0, 2), (1, 2), (1, 2)]


def test_an_answer_can_be_waited_for(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    reply = ok(service.post("/attempt/chat_message", {"chat_id": chat, "text": "Hello.", "wait_for_complete": True}))
    assert reply["assistant_content"]
    assert service.lines(chat) == [("query", "Hello."), ("response", reply["assistant_content"])]
    assert service.history(chat)[1]["contents"][0]["name"] == "Dana Whitfield"


def test_questions_are_right_or_wrong_and_then_told(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    single, multiple = got["question_ids"]
    by_text = {item["option_text"]: item["option_id"] for item in got["options"]}
    assert all(item["is_correct"] is None for item in got["options"])
    himself, mother = by_text["Tyler himself, in writing"], by_text["His mother, because she pays the tuition"]
    form, dean = by_text["A release form that Tyler can sign"], by_text["The number of the dean of students"]

    def answer(question: str, *options: str) -> httpx.Response:
        body = {"chat_id": chat, "question_id": question, "option_ids": list(options)}
        return service.post("/attempt/chat_response", body)

    assert ok(answer(single, mother))["is_correct"] is False
    assert ok(answer(single, himself))["is_correct"] is True
    assert ok(answer(multiple, form))["is_correct"] is False
    assert ok(answer(multiple, form, dean))["is_correct"] is True
    for wrong in (answer(single), answer(single, himself, mother), answer(single, form), answer("none", himself)):
        assert detail(wrong) == (400, "Invalid question or option selection")
    body = {"chat_id": "nowhere", "question_id": single, "option_ids": [himself]}
    assert detail(service.post("/attempt/chat_response", body)) == (400, "Attempt chat not found")
    told = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))["options"]
    assert {item["option_id"] for item in told if item["is_correct"]} == {himself, form, dean}


def test_a_deleted_chat_is_gone(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    body = {"chat_id": chat, "text": "Hello", "wait_for_complete": True, "idempotency_key": "said-before-deletion"}
    ok(service.post("/attempt/chat_message", body))
    assert service.post("/attempt/chat_delete", {"chat_id": chat}, "bob").status_code == 404
    key = {"chat_id": chat, "idempotency_key": "deleted-once"}
    for _ in range(2):
        assert ok(service.post("/attempt/chat_delete", key)) == {**key, "success": True}
    for path, sent in (
        ("chat_get", {"chat_entry_id": chat}),
        ("chat_export", {"chat_entry_id": chat}),
        ("chat_delete", {"chat_id": chat}),
        ("chat_message", body),
    ):
        assert service.post(f"/attempt/{path}", sent).status_code == 404, path


def test_a_completed_chat_takes_no_more(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    done = ok(service.post("/attempt/chat_complete", {"chat_id": chat, "message": "Enough."}))
    assert done["success"]
    assert ok(service.post("/attempt/chat_complete", {"chat_id": chat}))["completion_id"] == done["completion_id"]
    got = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    assert (got["can_edit"], got["disabled_reason"]) == (False, "The chat is completed.")
    for path, body in (
        ("chat_message", {"chat_id": chat, "text": "One more thing"}),
        ("message", {"chat_id": chat, "message": "One more thing"}),
        ("generate", {"config": {"params": {"chat_id": chat}}}),
        ("chat_voice", {"chat_id": chat}),
    ):
        answer = service.post(f"/attempt/{path}", body)
        assert answer.status_code == 409, (path, answer.text)
        assert "has ended" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("chat_get", {}),
        ("chat_message", {"text": "Hello."}),
        ("chat_response", {"question_id": "q", "option_ids": ["o"]}),
        ("chat_grade", {"score": 1}),
        ("chat_complete", {}),
        ("chat_hints", {}),
        ("chat_feedback", {}),
        ("chat_strengths", {}),
        ("chat_improvements", {}),
        ("chat_analyses", {}),
        ("chat_audio", {"audios_id": "a"}),
        ("chat_export", {}),
        ("join", {}),
        ("leave", {}),
        ("stop", {}),
        ("message", {"message": "Hello."}),
        ("chat_draft", {"name": "x"}),
    ],
)
def test_another_users_chat_is_not_there(service: RunningService, path: str, body: dict[str, Any]) -> None:
    theirs = start(service, user="bob")["chat_id"]
    for chat in (theirs, "nowhere"):
        answer = service.post(f"/attempt/{path}", {"chat_id": chat, **body})
        expected = 400 if path == "chat_response" else 404
        assert answer.status_code == expected, answer.text
    assert detail(service.post(f"/attempt/{path}", {"chat_id": theirs, **body})) == detail(answer)


def test_what_a_message_needs(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    assert detail(service.post("/attempt/chat_message", {"text": "Hello."})) == (400, "chat_id is required")
    for text in ({}, {"text": ""}, {"text": " \n"}, {"contents": []}):
        answer = service.post("/attempt/chat_message", {"chat_id": chat, **text})
        assert detail(answer) == (400, "text or contents is required")
    for raw in (f'{{"chat_id": "{chat}", "text": "\\ud800"}}', '{"chat_id": "\\ud800", "text": "Hello."}'):
        url = f"{service.url}/attempt/chat_message"
        assert http.post(url, content=raw, headers=service.headers()).status_code == 422
    assert service.post("/attempt/chat_message", {"chat_id": chat, "text": "x" * 20_001}).status_code == 422


@pytest.mark.slow
def test_only_a_persona_of_the_chat_can_be_asked_to_answer(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    body = {"chat_id": chat, "text": "Hello?", "wait_for_complete": True}
    sentence = "Persona not found: use one of the chat's personas, or leave it out."
    assert detail(service.post("/attempt/chat_message", body | {"persona_id": "nobody"})) == (404, sentence)
    there = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))
    assert there["messages"] == []
    assert ok(service.post("/attempt/chat_message", body | {"persona_id": there["persona_ids"][0]}))[
        "assistant_content"
    ]


@pytest.mark.slow
def test_a_thousand_joins_and_leaves(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    with httpx.Client(headers=service.headers(), base_url=service.url) as client:
        for number in range(1000):
            path = "join" if number % 2 else "leave"
            assert client.post(f"/attempt/{path}", json={"chat_id": chat}).json()["success"]
    assert service.ask(lambda inside: chat_channel(chat) not in inside.hub)
