"""Several responses of the Realtime interface: early and late cancels, queued ones, those beside, and tools."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.doors.openai.client import RealtimeClient
from tests.api.doors.openai.stories import (
    TEXT,
    TOOL,
    answered,
    begun,
    session,
    updated,
    words,
)
from tests.service import RunningService, running

if TYPE_CHECKING:
    from tests.servers.llm import LlmServer


def test_a_cancel_may_come_before_anything_is_said(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.type("Hello.")
        await client.send("response.create")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["output"]) == ("cancelled", [])
        await client.send("response.create")
        await client.until("response.output_audio.delta")

    session(service, story)


def test_a_cancel_with_nothing_to_cancel_is_dropped_and_one_with_a_wrong_id_refused(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        for _ in range(30):
            await client.send("response.cancel")
        await client.send("response.cancel", response_id="resp_nobody", event_id="c1")
        error = await client.refused("response_cancel_not_active")
        assert error["message"].startswith("Cancellation failed")
        assert error["event_id"] == "c1"
        assert [event["type"] for event in client.events] == ["session.created", "error"]

    session(service, story)


def test_a_create_behind_a_waiting_one_is_queued_and_a_second_refused(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.type("Hello.")
        for name in ("a", "b", "c"):
            await client.send("response.create", response={"metadata": {"name": name}})
        await client.refused("conversation_already_has_active_response")
        names = [(await client.until("response.done"))["response"]["metadata"]["name"] for _ in range(2)]
        assert names == ["a", "b"]

    session(service, story)


def test_a_create_directly_behind_a_cancel_is_answered(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await begun(client)
        await client.send("response.cancel")
        await client.send("response.create", response={"metadata": {"name": "second"}})
        assert (await client.until("response.done"))["response"]["status"] == "cancelled"
        assert (await client.until("response.created"))["response"]["metadata"] == {"name": "second"}
        await client.until("response.output_audio.delta")

    session(service, story)


def test_an_answer_beside_the_conversation_is_kept_nowhere(service: RunningService) -> None:
    chat = service.chat()

    async def story(client: RealtimeClient) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who are you?"}]}
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "input": [item],
                "metadata": {"topic": "x"},
                "output_modalities": ["text"],
                "instructions": "Be brief.",
            },
        )
        done = (await client.until("response.done"))["response"]
        assert (done["status"], done["conversation_id"], done["metadata"]) == ("completed", None, {"topic": "x"})
        assert words(done)
        await client.send("response.create", response={"conversation": "none", "input": [item]})
        done = (await client.until("response.done"))["response"]
        assert client.sound(done["id"])
        assert words(done)
        assert not client.of("conversation.item.added")
        assert service.history(chat) == []

    session(service, story, model=f"chat:{chat}")


@pytest.mark.slow
def test_a_clients_tool_is_called_and_another_response_follows_its_result(
    tmp_path: Path, llm_server: "LlmServer"
) -> None:
    from tests.servers.llm import Round

    llm_server.rounds = [Round("", (("look_up", '{"what": "a cat"}'),)), Round("A cat is an animal.")]

    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT, tools=[TOOL], tool_choice="required", instructions="Look things up.")
        await client.type("What is a cat?")
        await client.send("response.create")
        added = (await client.until("response.output_item.added"))["item"]
        assert (added["type"], added["name"], added["arguments"]) == ("function_call", "look_up", "")
        done = await client.until("response.function_call_arguments.done")
        assert json.loads(done["arguments"]) == {"what": "a cat"}
        finished = (await client.until("response.done"))["response"]
        assert (finished["status"], finished["output"][0]["type"]) == ("completed", "function_call")
        output = {"type": "function_call_output", "call_id": done["call_id"], "output": '{"is": "an animal"}'}
        await client.send("conversation.item.create", item=output)
        await client.until("conversation.item.done")
        await client.send("response.create")
        assert words((await client.until("response.done"))["response"]) == "A cat is an animal."
        first, second = (request.body for request in llm_server.requests)
        assert "look_up" in [tool["function"]["name"] for tool in first["tools"]]
        assert first["tool_choice"] == "required"
        assert "Look things up." in first["messages"][0]["content"]
        assert second["messages"][-1]["content"] == '{"is": "an animal"}'
        await client.send("conversation.item.create", item={**output, "call_id": "call_nobody"})
        await client.refused("item_create_invalid_call_id")

    model: dict[str, Any] = {"llm": "openai", "llm_model": "tools", "openai_base_url": llm_server.url}
    with running(tmp_path, openai_api_key="x", stt="fixed:0", tts="fixed:0", **model) as service:
        session(service, story)


@pytest.mark.slow
def test_an_answer_from_other_items_is_kept_in_the_conversation(tmp_path: Path, llm_server: "LlmServer") -> None:
    from tests.servers.llm import Round

    llm_server.rounds = [Round("First."), Round("Second."), Round("Third.")]

    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT, max_output_tokens=120)
        assert words(await answered(client, "Hello.")) == "First."
        given = [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Answer in French."}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And the weather?"}]},
        ]
        await client.send("response.create", response={"input": given, "max_output_tokens": 40})
        done = (await client.until("response.done"))["response"]
        assert (words(done), done["max_output_tokens"]) == ("Second.", 40)
        assert done["conversation_id"]
        assert client.of("conversation.item.added")[-1]["item"]["id"] == done["output"][0]["id"]
        await client.send("response.create", response={"input": [given[0]]})
        await client.until("response.done")
        first, second, third = (request.body for request in llm_server.requests)
        assert (first["max_tokens"], second["max_tokens"], third["max_tokens"]) == (120, 40, 120)
        assert [message["content"] for message in second["messages"][1:]] == ["And the weather?"]
        assert "Answer in French." in second["messages"][0]["content"]
        assert [message["content"] for message in third["messages"][1:]] == ["Answer in French."]
        await client.send("response.create", response={"input": [{"type": "item_reference", "id": "item_none"}]})
        await client.refused("item_retrieve_invalid_item_id")

    model: dict[str, Any] = {"llm": "openai", "llm_model": "tools", "openai_base_url": llm_server.url}
    with running(tmp_path, openai_api_key="x", stt="fixed:0", tts="fixed:0", **model) as service:
        session(service, story)
