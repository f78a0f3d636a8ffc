"""A persona with tools on a running service: in writing and in a call, with real servers behind it."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers.llm import Round
from tests.servers.shop import Shop, shop
from tests.service import RunningService, unhearing
from tests.socket_client import socket_of

if TYPE_CHECKING:
    from tests.servers.llm import LlmServer

KEY = "k-0123456789"
PACK = """
pack: shop
name: The shop
personas:
  clerk:
    name: Sam
    greeting: Hello, this is Sam.
    instructions: You are Sam.
    waiting: I am looking.
    tools:
      - name: order_status
        description: Finds an order.
        parameters: {{type: object, properties: {{order: {{type: string}}}}, required: [order]}}
        http: {{url: "{url}/orders/{{order}}", headers: {{X-Api-Key: "{{secret:SHOP_KEY}}"}}}}
      - name: slow
        description: Takes long.
        http: {{url: "{url}/slow"}}
      - {{built_in: set_field, name: note_name, field: name, description: Notes the name.}}
scenarios:
  counter: {{name: The counter, problem_statement: You ask., personas: [clerk]}}
simulations:
  counter: {{name: The counter, scenarios: [counter]}}
practices:
  counter: {{name: The counter, simulation: counter}}
"""
FINDS = Round("", (("order_status", '{"order": "4711"}'), ("note_name", '{"value": "Alice"}')))


@pytest.fixture
def here() -> Iterator[Shop]:
    with shop() as opened:
        yield opened


@pytest.fixture
def service(
    here: Shop, llm_server: "LlmServer", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunningService]:
    (tmp_path / "pack.yaml").write_text(PACK.format(url=here.url))
    monkeypatch.setenv("GLOW_SECRET_SHOP_KEY", KEY)
    model = {"llm": "openai", "openai_base_url": llm_server.url, "llm_model": "tools"}
    with unhearing(
        tmp_path / "data", packs=(tmp_path / "pack.yaml",), tool_hosts="127.0.0.1", tool_filler_s=0.2, **model
    ) as started:
        yield started


def test_a_written_answer_uses_a_tool_and_a_field_is_noted(
    service: RunningService, here: Shop, llm_server: "LlmServer"
) -> None:
    llm_server.rounds = [FINDS, Round("It comes on Friday, Alice.")]
    chat = service.chat(practice="The counter")

    async def story() -> None:
        async with socket_of(service) as socket:
            await socket.client.emit("attempt_join", {"chat_id": chat})
            await socket.until("attempt_joined")
            body = {"chat_id": chat, "text": "Where is order 4711? I am Alice."}
            answer = await asyncio.to_thread(service.post, "/attempt/chat_message", body)
            assert answer.status_code == 200, answer.text
            noted = {"chat_id": chat, "name": "name", "value": "Alice"}
            for name in ("attempt_field_noted", "attempt.chat.field_noted"):
                assert noted.items() <= (await socket.until(name)).items()
            await service.until(lambda inside: not inside.chats.runs_of(chat))

    asyncio.run(story())
    assert service.lines(chat)[-1][1].strip() == "It comes on Friday, Alice."
    assert (here.requests[-1].path, here.requests[-1].headers["x-api-key"]) == ("/orders/4711", KEY)
    told = [message["content"] for message in llm_server.requests[1].messages if message["role"] == "tool"]
    assert json.loads(told[0])["due"] == "Friday"
    assert told[1] == "Noted."
    got = service.post("/attempt/chat_get", {"chat_entry_id": chat}).json()
    assert got["fields"] == {"name": "Alice"}
    kept = {call["name"]: call for call in got["tool_calls"]}
    assert json.loads(kept["order_status"]["arguments"]) == {"order": "4711"}
    assert "Friday" in kept["order_status"]["result"]
    assert (kept["note_name"]["result"], kept["note_name"]["failed"]) == ("Noted.", False)
    assert KEY not in json.dumps(got["tool_calls"])
    exported = service.post("/attempt/chat_export", {"chat_entry_id": chat, "format": "json"}).json()
    whole = json.loads(exported["content"])
    assert (whole["tool_calls"], whole["fields"]) == (got["tool_calls"], got["fields"])
    assert not any(KEY in json.dumps(request.body) for request in llm_server.requests)


def test_in_a_call_a_slow_tool_is_bridged_with_a_word(
    service: RunningService, here: Shop, llm_server: "LlmServer"
) -> None:
    llm_server.rounds = [Round("", (("slow", "{}"),)), Round("There it is.")]
    chat = service.chat(practice="The counter")

    async def story() -> None:
        async with service.call(chat) as client:
            await client.send("chat_message", text="Have a look, please.")
            text = ""
            while "I am looking." not in text:
                text += (await client.until("reply.text"))["delta"]
            here.let.set()
            ended = await client.until("reply.ended")
            assert ended["text"].split() == ["I", "am", "looking.", "There", "it", "is."]

    asyncio.run(story())
