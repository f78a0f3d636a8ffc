"""`generate` on a running service, with a language model behind a real server.

Source: docs/glow.md, "What `generate` makes".
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.llm import LlmServer
from tests.service import RunningService, unhearing
from tests.socket_client import socket_of

ANA = {
    "name": "Ana Ruiz",
    "description": "A guest whose room is cold.",
    "instructions": "You are a guest of a hotel. Your room has been cold since last night.",
    "greeting": "Good evening. My room is freezing.",
}
PAPER = {"name": "Heating", "description": "How rooms are heated.", "text": "# Heating\n\nThe heating starts at six."}
SCENARIO = {
    "name": "The cold room",
    "description": "A guest complains.",
    "problem_statement": "A guest calls the front desk at night.",
    "objectives": ["Say that you are sorry.", "Offer another room."],
    "persona": ANA,
    "document": PAPER,
}
REPLY = "I have been cold since last night."
COLD = ["A hotel guest complains about a cold room."]


@pytest.fixture
def modelled(llm_server: LlmServer, tmp_path: Path) -> Iterator[RunningService]:
    """A service whose language model says what the test has given it, one answer after the other."""
    model = {"openai_base_url": llm_server.url, "openai_api_key": "sk-test", "llm_model": "script"}
    with unhearing(tmp_path, llm="openai", **model) as started:
        yield started


def asking_for(artifact: str, **more: Any) -> dict[str, Any]:
    """The body of `generate` for one thing."""
    wanted = {"name": artifact, "operation": "save" if artifact != "chat" else "draft"}
    return {"artifact_types": [wanted], "resource_types": [], "user_instructions": COLD, **more}


def test_a_persona_and_a_scenario_are_written_and_kept(modelled: RunningService, llm_server: LlmServer) -> None:
    llm_server.replies["script"] = [
        f"Here you are:\n```json\n{json.dumps({'persona': ANA})}\n```",
        json.dumps({"name": "The cold room"}),
        json.dumps(SCENARIO),
    ]

    async def story() -> None:
        async with socket_of(modelled) as socket:
            await socket.ask("generate", **asking_for("persona", save=True))
            made = await socket.until("persona_generation_complete")
            assert made["message"] == "A persona was written."
            persona = await socket.ask("persona.get", id=made["artifact_id"])
            assert {name: persona[name] for name in ANA} == ANA

            answer = await asyncio.to_thread(
                modelled.post, "/socket/v5/client/generate", asking_for("scenario", save=True)
            )
            assert answer.json()["success"] is True
            made = await socket.until("scenario_generation_complete")
            scenario = await socket.ask("scenario.get", id=made["artifact_id"])
            assert (scenario["name"], scenario["objectives"]) == ("The cold room", SCENARIO["objectives"])
            shown = await socket.ask("persona.get", id=scenario["persona_ids"][0])
            assert shown["name"] == "Ana Ruiz"

    asyncio.run(story())
    corrected = llm_server.requests[2].messages[-1]["content"]
    assert corrected.startswith("This cannot be used:\n- 'description' is missing; add it")


def test_a_draft_that_is_written_for_a_chat_is_spoken_in_it(modelled: RunningService, llm_server: LlmServer) -> None:
    draft = {part: SCENARIO[part] for part in ("name", "objectives", "persona", "document")}
    llm_server.replies["script"] = [json.dumps(draft), REPLY]
    chat = modelled.chat()

    async def story() -> None:
        async with socket_of(modelled) as socket:
            parts = ["names", "objectives", "personas", "documents"]
            await socket.ask("generate", **asking_for("chat", artifact_id=chat, resource_types=parts, save=True))
            made = await socket.until("chat_generation_complete")
            assert made["artifact_id"] == chat
            got = await socket.ask("attempt.chat_get", chat_entry_id=chat)
            assert got["personas"][0]["name"] == "Ana Ruiz"
            assert [item["objective"] for item in got["objectives"]] == SCENARIO["objectives"]
            await socket.ask("attempt_message", chat_id=chat, message="Front desk, good evening.")
            assert (await socket.until("attempt_assistant_complete"))["content"] == REPLY

    asyncio.run(story())
    asked = llm_server.requests[-1].messages
    assert "cold since last night" in asked[0]["content"], "the new persona answers"
    assert "The heating starts at six." in asked[0]["content"], "who knows the new document"


def test_a_model_that_will_not_is_told_in_a_sentence(modelled: RunningService, llm_server: LlmServer) -> None:
    llm_server.replies["script"] = ["I'm sorry, I can't help with that."]

    async def story() -> None:
        async with socket_of(modelled) as socket:
            await socket.ask("generate", **asking_for("document", save=True))
            told = await socket.until("document_generation_error")
            assert told["message"].startswith("The language model gave nothing that can be used as a document: ")
            assert told["message"].endswith("Ask again, or in other words.")

    asyncio.run(story())
    assert len(llm_server.requests) == 3
