"""A whole lesson over the Tutor's interface with a language model that runs all six tools."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.tutoring.test_tutoring import PNG
from tests.servers.tools import ToolsServer, tools_server
from tests.service import RunningService, http, running

LEARNER = "00000000-0000-0000-0000-000000000000"


def asking(text: str, question: str, kind: str = "text") -> str:
    return f"{text}\nQuestion Type: {kind}\nQuestion:\n{question}"


def record(score: float) -> tuple[str, dict[str, Any]]:
    judged = {"exercise_prompt": "?", "student_answer": "!", "is_correct": score >= 0.5, "score": score}
    return "record_exercise_result", judged


class Lesson:
    """A session about something that no lesson of a pack teaches."""

    def __init__(self, service: RunningService, model: ToolsServer) -> None:
        self.url = f"{service.url}/api"
        self.model = model
        node = self.call("POST", "/nodes", {"type": "subconcept", "title": "Zebras"})["id"]
        self.node = node
        self.id = self.call("POST", "/chat/sessions", {"nodeId": node})["id"]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        sent = None if body is None else {"userId": LEARNER, **body}
        answer = http.request(method, f"{self.url}{path}", json=sent)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def say(self, content: str, **more: Any) -> dict[str, Any]:
        body = {"content": content, **more}
        turn: dict[str, Any] = self.call("POST", f"/chat/sessions/{self.id}/tutor", body)
        return turn

    def results(self) -> list[dict[str, Any]]:
        """What the tools of the last turn told the model."""
        turns = self.model.bodies[-1]["messages"]
        return [json.loads(message["content"]) for message in turns if message["role"] == "tool"]


@pytest.mark.slow
def test_a_lesson_with_six_tools(tmp_path: Path) -> None:
    with (
        tools_server() as model,
        running(tmp_path, tokens=None, llm="openai", openai_base_url=model.url) as service,
    ):
        lesson = Lesson(service, model)

        model.call(("check_student_progress", {}), ("check_prerequisite_mastery", {}), text="Who is this?")
        model.call(("generate_example", {"topic": "stripes", "difficulty": "simple"}))
        model.say("A zebra in snow.", asking("Zebras have stripes.", "What for?"))
        started = lesson.say("")
        assert started["toolsUsed"] == ["check_student_progress", "check_prerequisite_mastery", "generate_example"]
        assert started["reasoning"][0] == "Who is this?"
        assert started["message"].endswith("Question Type: text\nQuestion:\nWhat for?")
        assert lesson.results()[-1]["example"] == "A zebra in snow."

        model.answers = []
        model.call(("visualize_concept", {"what": "stripes", "style": "table"}))
        model.say("| black | white |", "They hide it. [COMPLETE]")
        explained = lesson.say("[CLARIFICATION] what do you mean?")
        assert (explained["toolsUsed"], explained["isComplete"]) == (["visualize_concept"], False)
        assert explained["message"] == "They hide it."

        model.answers = []
        model.call(record(0.0), ("create_exercise", {"topic": "hiding", "difficulty": "easy"}))
        model.say("Where does a zebra hide?", asking("Not yet. [SAME_CHUNK]", "Where does it hide?"))
        wrong = lesson.say("[ANSWER] for warmth")
        assert wrong["toolsUsed"] == ["record_exercise_result", "create_exercise"]
        assert lesson.results()[0]["shouldMoveOn"] is False

        for number, kind in enumerate(("text", "code", "draw"), 2):
            model.answers = []
            model.call(record(1.0))
            model.say(asking(f"Right. [ADVANCE_CHUNK] Part {number}.", f"Question {number}?", kind))
            turn = lesson.say(f"[ANSWER]\nMode: text\nanswer {number - 1}")
            assert turn["message"].endswith(f"Question Type: {kind}\nQuestion:\nQuestion {number}?")
            assert "[" not in turn["message"]
        assert lesson.results()[0] == {
            "recorded": True, "totalAttempts": 4, "correctCount": 3, "averageScore": 0.75, "shouldMoveOn": True,
        }  # fmt: skip

        model.answers = []
        model.call(record(1.0))
        model.say("Beautiful. [COMPLETE]")
        last = lesson.say("[ANSWER]\nMode: draw\n", drawingImageDataUrl=PNG)
        assert (last["isComplete"], last["message"]) == (True, "Beautiful.")
        seen = [message["content"] for message in model.bodies[-1]["messages"] if isinstance(message["content"], list)]
        assert [part["image_url"]["url"] for (_, part) in seen] == [PNG]

        (session,) = lesson.call("GET", f"/chat/sessions?nodeId={lesson.node}")
        assert session["endedAt"] is not None
        (progress,) = lesson.call("GET", f"/progress?userId={LEARNER}&nodeId={lesson.node}")
        assert (progress["masteryScore"], progress["attemptsCount"]) == (0.8, 5)
        assert progress["completedAt"] is not None
        kinds = [message["kind"] for message in lesson.call("GET", f"/chat/sessions/{lesson.id}/messages")]
        assert kinds == ["learning", "hint_request", "hint_response", *["evaluation", "learning"] * 5]

        later = lesson.say("[ANSWER] one more thing")
        assert later["isComplete"] is True, "later turns are still taken"
