"""Grades by hand and by the coach, feedback, strengths, improvements, analyses and hints, over HTTP."""

from typing import Any

import pytest

from tests.api.doors.glow.test_chats import detail, ok, start
from tests.service import RunningService

LINES = (
    "Good morning, this is the records office, how can I help you?",
    "I can hear how worried you are. What happened with Tyler?",
    "I can't tell you his grades.",
    "Tyler can sign a release form. Would you like me to send it?",
)


@pytest.fixture
def chat(service: RunningService) -> str:
    """A chat in which the learner has said four lines."""
    started = start(service)["chat_id"]
    for line in LINES:
        body = {"chat_id": started, "text": line, "wait_for_complete": True}
        ok(service.post("/attempt/chat_message", body))
    return str(started)


def read(service: RunningService, chat: str, what: str) -> list[dict[str, Any]]:
    reply = ok(service.post(f"/attempt/chat_{what}", {"chat_id": chat}))
    name = {"feedback": "feedbacks"}.get(what, what)
    items: list[dict[str, Any]] = reply[name]
    ids = {"feedback": "feedback", "analyses": "analysis"}.get(what, what.rstrip("s"))
    assert reply[f"{ids}_ids"] == [item["id"] for item in items]
    return items


def test_by_hand(service: RunningService, chat: str) -> None:
    graded = ok(service.post("/attempt/chat_grade", {"chat_id": chat, "score": 60}))
    assert (graded["score"], graded["passed"], graded["feedback_ids"]) == (60, True, [])
    assert ok(service.post("/attempt/chat_grade", {"chat_id": chat, "score": 59}))["passed"] is False
    too_much = service.post("/attempt/chat_grade", {"chat_id": chat, "score": 101})
    assert detail(too_much) == (400, "Score 101 exceeds maximum of 100. Pass threshold is 60.")
    assert service.post("/attempt/chat_grade", {"chat_id": chat, "score": -1}).status_code == 400
    assert service.post("/attempt/chat_grade", {"chat_id": chat, "score": 10**30}).status_code == 400


def test_by_the_rubric_standard_by_standard_and_the_same_each_time(service: RunningService, chat: str) -> None:
    graded = ok(service.post("/attempt/chat_grade", {"chat_id": chat}))
    feedback = read(service, chat, "feedback")
    assert graded["feedback_ids"] == [item["id"] for item in feedback]
    assert graded["score"] == sum(item["total"] for item in feedback)
    assert "Graded offline" in graded["description"]
    attempt = ok(service.post("/attempt/chat_get", {"chat_entry_id": chat}))["attempt_id"]
    whole = ok(service.post("/attempt/get", {"attempt_id": attempt}))
    standards = {item["standard_id"]: item for item in whole["rubric"]["standards"]}
    assert [item["standard_id"] for item in feedback] == list(standards)
    assert all(0 <= item["total"] <= standards[item["standard_id"]]["points"] for item in feedback)
    assert all(item["feedback"] for item in feedback)
    again = ok(service.post("/attempt/chat_grade", {"chat_id": chat}))
    assert (again["score"], again["description"]) == (graded["score"], graded["description"])
    assert len(read(service, chat, "feedback")) == len(feedback), "a grading replaces the coach's last one"


def test_strengths_and_improvements_quote_exactly(service: RunningService, chat: str) -> None:
    said = {item["id"]: item["contents"][0]["content"] for item in service.history(chat)}
    strengths, improvements = read(service, chat, "strengths"), read(service, chat, "improvements")
    highlights = [(item["message_id"], part["section"]) for item in strengths for part in item["highlights"]]
    replaced = [(item["message_id"], part["section"]) for item in improvements for part in item["replacements"]]
    assert highlights
    assert replaced[0] == (next(key for key, text in said.items() if text == LINES[2]), "I can't tell you his grades")
    assert all(part["replace"] for item in improvements for part in item["replacements"])
    assert all(section in said[message] for message, section in [*highlights, *replaced])
    assert read(service, chat, "strengths") == strengths, "generated once"


def test_a_chat_of_silence_is_graded_and_has_nothing_to_say(service: RunningService) -> None:
    chat = start(service)["chat_id"]
    assert ok(service.post("/attempt/chat_grade", {"chat_id": chat}))["score"] == 0
    other = start(service)["chat_id"]
    for what in ("feedback", "strengths", "improvements", "analyses", "hints"):
        assert read(service, other, what) == []


def test_hints_belong_to_the_latest_answer(service: RunningService, chat: str) -> None:
    last = service.history(chat)[-1]["id"]
    hints = read(service, chat, "hints")
    assert 1 <= len(hints) <= 3
    assert {hint["message_id"] for hint in hints} == {last}
    assert read(service, chat, "hints") == hints
    assert [hint["hint"] for hint in service.history(chat)[-1]["hints"]] == [hint["hint"] for hint in hints]


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("hints", {"hints": []}, "At least one hint is required"),
        ("hints", {"hints": [{"hint": "Breathe."}]}, "message_id is required for each hint"),
        ("feedback", {"feedbacks": []}, "At least one feedback is required"),
        ("strengths", {"strengths": []}, "At least one strength is required"),
        ("analyses", {"analyses": []}, "At least one analysis is required"),
    ],
)
def test_an_empty_list_is_refused(service: RunningService, path: str, body: dict[str, Any], sentence: str) -> None:
    chat = start(service)["chat_id"]
    assert detail(service.post(f"/attempt/chat_{path}", {"chat_id": chat, **body})) == (400, sentence)


def test_what_people_write_stays_when_the_coach_grades_again(service: RunningService, chat: str) -> None:
    message = service.history(chat)[0]["id"]
    strength = {"name": "Warm", "message_id": message, "highlights": [{"section": "how can I help"}]}
    improvement = {"name": "Slow", "message_id": message, "replacements": [{"section": "office", "replace": "desk"}]}
    written = [
        ok(service.post("/attempt/chat_strengths", {"chat_id": chat, "strengths": [strength]}))["strength_ids"][0],
        ok(service.post("/attempt/chat_improvements", {"chat_id": chat, "improvements": [improvement]}))[
            "improvement_ids"
        ][0],
        ok(service.post("/attempt/chat_analyses", {"chat_id": chat, "analyses": [{"content": "Good."}]}))[
            "analysis_ids"
        ][0],
    ]
    ok(service.post("/attempt/chat_grade", {"chat_id": chat}))
    for what, note in zip(("strengths", "improvements", "analyses"), written, strict=True):
        assert note in [item["id"] for item in read(service, chat, what)]


def test_a_section_must_stand_in_its_message(service: RunningService, chat: str) -> None:
    message = service.history(chat)[0]["id"]
    wrong = {"name": "x", "message_id": message, "highlights": [{"section": "How Can I Help"}]}
    answer = service.post("/attempt/chat_strengths", {"chat_id": chat, "strengths": [wrong]})
    assert detail(answer) == (400, "A section must be words of the message, exactly as they stand in it.")
    elsewhere = {"name": "x", "message_id": "nowhere"}
    assert service.post("/attempt/chat_strengths", {"chat_id": chat, "strengths": [elsewhere]}).status_code == 404
