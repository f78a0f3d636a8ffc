"""How a call is left over the native websocket: by the persona, by its client's wishes, by the service's own limits."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.llm import LlmServer, Round
from tests.service import Client, Closed, RunningService, unhearing

PACK = """\
pack: shop
name: The shop
personas:
  clerk:
    name: Kim
    instructions: You are Kim.
    greeting: Hello.
    cues:
      - {id: bye, when: 'goodbye', say: Goodbye., ends_call: true}
      - {id: boss, when: 'boss', say: One moment., transfer: boss}
scenarios:
  counter: {name: Counter, problem_statement: Sell something., personas: [clerk]}
simulations:
  day: {name: One day, scenarios: [counter]}
practices:
  shop: {name: The shop, simulation: day}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """A service with a clerk who hangs up, and chats with it."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "pack.yaml").write_text(PACK, encoding="utf-8")
    with unhearing(folder / "data", packs=(folder / "pack.yaml",)) as service:
        yield lambda: (service, service.chat(practice="The shop"))


async def left(client: Client) -> dict[str, Any]:
    """The end of the call, which the service makes."""
    ended = await client.until("chat_silence")
    assert await client.until_closed() == 1000
    return ended


def test_a_cue_ends_the_call_when_it_was_heard(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, hurries=True) as client:
            await client.send("chat_message", text="Goodbye!")
            ended = await left(client)
            assert (ended["reason"], ended["stopped"], ended["turns"]) == ("persona", True, 1)
            (reply,) = client.of("reply.ended")
            assert (reply["heard"], reply["interrupted"]) == ("Goodbye.", False)

    asyncio.run(story())
    assert [message["content"] for message in texts(service, chat)] == ["Goodbye!", "Goodbye."]


def texts(service: RunningService, chat: str) -> list[dict[str, Any]]:
    return [message["contents"][0] for message in service.history(chat)]


def test_who_hangs_up_is_told_so(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat) as client:
            assert (await client.hang_up())["reason"] == "caller"

    asyncio.run(story())


@pytest.mark.slow
def test_a_transfer_is_its_clients_to_carry_out(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, hurries=True, transfers=["boss"]) as client:
            await client.send("chat_message", text="Your boss, please.")
            assert await client.until("transfer") == {"type": "transfer", "turn": 1, "target": "boss"}
            await client.send("transferred", done=False)
            assert "could not put you through" in (await client.until("reply.ended", turn=1, text=FAILED))["heard"]
            await client.send("chat_message", text="Your boss, again!")
            await client.until("transfer", turn=2)
            await client.send("transferred", done=True)
            assert (await left(client))["reason"] == "transfer"

    asyncio.run(story())


FAILED = "I am sorry, I could not put you through. Is there anything else I can do for you?"


def test_a_client_that_cannot_transfer_hears_so(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, hurries=True) as client:
            await client.send("chat_message", text="Your boss, please.")
            await client.until("reply.ended", heard=FAILED)
            assert not client.of("transfer")
            await client.hang_up()

    asyncio.run(story())


def test_replies_come_on_request_only(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, hurries=True, create_response=False) as client:
            await client.send("chat_message", text="Goodbye!")
            await client.until("user.message")
            await client.send("ping")
            await client.until("pong")
            assert not client.of("reply.started")
            await client.send("reply")
            await client.until("reply.started", turn=1)
            await left(client)

    asyncio.run(story())


def test_replies_in_writing_alone(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, text_only=True, greet=True) as client:
            assert (await client.until("reply.ended"))["heard"] == "Hello."
            await client.send("chat_message", text="Goodbye!")
            await left(client)
            assert not client.pieces
            assert [event["delta"] for event in client.of("reply.text")] == ["Hello.", "Goodbye."]

    asyncio.run(story())
    assert [content["content"] for content in texts(service, chat)] == ["Hello.", "Goodbye!", "Goodbye."]


@pytest.mark.slow
def test_a_plan_for_silence_is_its_clients_choice(shop: Callable[[], Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat, text_only=True, silence={"prompts_s": [1], "goodbye_s": 1}) as client:
            assert (await left(client))["reason"] == "silence"
            said = [event["heard"] for event in client.of("reply.ended")]
            assert said == ["Hello.", "I cannot hear anybody, so I will hang up now. Goodbye."]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"create_response": "no"}, "create_response"),
        ({"text_only": 1}, "text_only"),
        ({"silence": [8]}, "silence"),
        ({"silence": {"prompts_s": [0]}}, "silence.prompts_s.0"),
        ({"silence": {"prompts_s": [8] * 6}}, "silence.prompts_s"),
        ({"silence": {"goodbye_s": 1e308}}, "silence.goodbye_s"),
        ({"longest_s": 1}, "longest_s"),
        ({"longest_s": float("inf")}, "longest_s"),
        ({"transfers": "human"}, "transfers"),
        ({"transfers": ["x" * 101]}, "transfers.0"),
        ({"transfers": ["x"] * 17}, "transfers"),
    ],
)
def test_wishes_that_cannot_be_fulfilled(shop: Callable[[], Any], fields: dict[str, Any], place: str) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.connection() as client:
            await client.send("chat_voice", chat_id=chat, **fields)
            error = await client.until("error")
            assert (error["code"], error["fatal"]) == ("invalid_message", True)
            assert f"`{place}`" in error["message"]
            with pytest.raises(Closed):
                await client.receive()

    asyncio.run(story())


@pytest.mark.parametrize("message", [{}, {"done": "yes"}, {"done": None}])
def test_a_transfer_that_says_nothing(shop: Callable[[], Any], message: dict[str, Any]) -> None:
    service, chat = shop()

    async def story() -> None:
        async with service.call(chat) as client:
            await client.send("transferred", **message)
            assert "`done`" in (await client.until("error"))["message"]
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.slow
def test_the_services_own_limits_end_a_call(tmp_path: Path) -> None:
    limits = {"prompt_after_s": 1.0, "goodbye_after_s": 1.0, "longest_call_s": 60.0, "call_warning_s": 1.0}
    with unhearing(tmp_path, **limits) as service:

        async def story() -> None:
            async with service.call(service.chat(), text_only=True, silence={"prompts_s": []}) as client:
                ended = await left(client)
                assert ended["reason"] == "silence", "a client may not do without the service's goodbye"
            async with service.call(service.chat(), text_only=True, longest_s=5, silence={"goodbye_s": 600}) as client:
                ended = await left(client)
                assert ended["reason"] == "duration"
                assert 5_000 <= ended["duration_ms"] < 30_000
                said = [event["heard"] for event in client.of("reply.ended")]
                assert said == [
                    "Our time is nearly up.",
                    "Our time is up, so I have to end the call here. Goodbye.",
                ]

        asyncio.run(story())


def test_a_language_model_ends_the_call_with_its_tool(tmp_path: Path, llm_server: LlmServer) -> None:
    llm_server.rounds = [Round("Goodbye then.", (("end_call", "{}"),))]
    with unhearing(tmp_path, llm="openai", llm_model="tools", openai_base_url=llm_server.url) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await client.send("chat_message", text="Goodbye!")
                assert (await left(client))["reason"] == "persona"

        asyncio.run(story())
        assert [content["content"] for content in texts(service, chat)] == ["Goodbye!", "Goodbye then."]


def test_in_a_written_chat_nobody_is_hung_up_on(tmp_path: Path, llm_server: LlmServer) -> None:
    llm_server.replies["script"] = ["Goodbye then."]
    with unhearing(tmp_path, llm="openai", llm_model="script", openai_base_url=llm_server.url) as service:
        body = {"chat_id": service.chat(), "text": "Goodbye!", "wait_for_complete": True}
        assert service.post("/attempt/chat_message", body).status_code == 200
        assert "tools" not in llm_server.last.body
