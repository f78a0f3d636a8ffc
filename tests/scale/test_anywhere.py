"""What touches a chat's live state over Glow is right at whichever gateway it is asked for."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.scale.anywhere import at_both, called, carries, known, ok, shape, started
from tests.scale.neighbours import SECRET, Gateways, neighbours
from tests.service import RunningService, http, unhearing

pytestmark = pytest.mark.slow

PACK = """
pack: ferry
name: The ferry
personas:
  captain: {name: Captain, instructions: You steer., greeting: Ahoy.}
scenarios:
  trip: {name: A trip, problem_statement: You go by ferry., personas: [captain]}
simulations:
  trips: {name: Trips, scenarios: [trip]}
practices:
  trips: {name: Trips, simulation: trips}
"""


# ------------------------------------------------------------------- endings


@pytest.mark.parametrize("operation", ["end", "end_all", "complete", "chat_complete", "chat_delete"])
def test_what_ends_a_chat_ends_its_call_at_the_other_gateway(two: Gateways, operation: str) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        attempt = started(owner)
        first, second, _ = attempt["chat_ids"]
        for gateway, chat in ((owner, first), (asked, second)):
            called(gateway, chat)
        whole = operation in ("end_all", "complete")
        about = {"attempt_id": attempt["attempt_id"]} if whole else {"chat_id": first}
        if operation == "end":
            about["attempt_id"] = attempt["attempt_id"]
        answer = asked.post(f"/attempt/{operation}", about)
        assert not carries(owner, first)
        assert carries(asked, second) is not whole
        ok(asked.post("/attempt/chat_silence", {"chat_id": second}))
        if operation != "chat_delete":
            assert all(message.get("completed", True) for message in owner.history(first)), "all of it is stored"
            assert ("query", "Good morning.") in owner.lines(first)
        return answer.status_code, shape(answer.json())

    assert at_both(two, story)[0] == 200


def test_the_end_is_counted_once_for_an_idempotency_key(two: Gateways) -> None:
    attempt = started(two[0])
    called(two[0], attempt["chat_id"])
    body = {"attempt_id": attempt["attempt_id"], "chat_id": attempt["chat_id"], "idempotency_key": attempt["chat_id"]}
    assert ok(two[1].post("/attempt/end", body)) == ok(two[0].post("/attempt/end", body))


def test_what_cannot_be_ended_is_left_as_it_was(tmp_path: Path) -> None:
    """A gateway that says it is elsewhere than it is cannot be reached."""
    with ExitStack() as stack:
        owner, asked = (
            stack.enter_context(unhearing(tmp_path, gateway_secret=SECRET, gateway_address=address))
            for address in ("http://127.0.0.1:9", "")
        )
        attempt = started(owner)
        chat = attempt["chat_id"]
        called(owner, chat)
        for operation, body in (
            ("end", {"attempt_id": attempt["attempt_id"], "chat_id": chat}),
            ("end_all", {"attempt_id": attempt["attempt_id"]}),
            ("chat_message", {"chat_id": chat, "message": "Are you there?"}),
            ("stop", {"chat_id": chat}),
            ("chat_draft", {"chat_id": chat, "name": "Another day"}),
            ("chat_delete", {"chat_id": chat}),
        ):
            answer = asked.post(f"/attempt/{operation}", body)
            assert (answer.status_code, "cannot be reached" in answer.text) == (429, True), operation
            assert int(answer.headers["Retry-After"]) > 0
        assert carries(owner, chat)
        seen = ok(asked.post("/attempt/get", {"attempt_id": attempt["attempt_id"]}))
        assert seen["attempt"]["completed"] is False
        assert [one["completed"] for one in seen["entries"]["attempt_chat"]] == [False] * 3
        assert seen["entries"]["attempt_chat"][0]["name"] != "Another day"
        assert [text for kind, text in asked.lines(chat) if kind == "query"] == ["Good morning."]


# ------------------------------------------------------------------ messages


def test_a_message_is_answered_aloud_by_the_call_at_the_other_gateway(two: Gateways) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        chat = owner.chat()

        async def heard() -> Any:
            async with owner.call(chat) as client:
                body = {"chat_id": chat, "message": "Good morning.", "wait_for_complete": True}
                asking = asyncio.to_thread(asked.post, "/attempt/chat_message", body)
                answer, begun = await asyncio.gather(asking, client.until("reply.started"))
                ended = await client.until("reply.ended", turn=begun["turn"])
                assert ok(answer)["assistant_content"] == ended["text"]
                assert ended["interrupted"] is False
                silent = {"chat_id": chat, "message": "This is for your notes.", "generate": False}
                told = await asyncio.to_thread(asked.post, "/attempt/chat_message", silent)
                assert known(owner, chat)[-1] == ("user", "This is for your notes.")
                await client.hang_up()
                return [shape(ok(one)) for one in (answer, told)]

        return asyncio.run(heard()), owner.lines(chat) == asked.lines(chat)

    at_both(two, story)


def test_a_message_of_openais_clients_is_answered_aloud_there(two: Gateways) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        chat = owner.chat()
        ok(owner.post("/attempt/chat_voice", {"chat_id": chat}))
        body = {"model": "any", "messages": [{"role": "user", "content": "Good morning."}]}
        headers = {**asked.headers(), "X-Glow-Chat": chat}
        answer = http.post(f"{asked.url}/v1/chat/completions", json=body, headers=headers)
        said = ok(answer)["choices"][0]["message"]["content"]
        assert carries(owner, chat)
        ok(asked.post("/attempt/chat_silence", {"chat_id": chat}))
        assert owner.lines(chat) == [("query", "Good morning."), ("response", said)]
        return said

    assert at_both(two, story)


def test_what_is_being_said_is_stopped_from_the_other_gateway(two: Gateways) -> None:
    async def story() -> None:
        chat = two[0].chat()
        async with two[0].call(chat) as client:
            await client.send("chat_message", text="Good morning.")
            begun = await client.until("reply.audio")
            stopped = await asyncio.to_thread(two[1].post, "/attempt/stop", {"chat_id": chat})
            assert ok(stopped)["message"] is None
            assert (await client.until("reply.ended", turn=begun["turn"]))["interrupted"] is True
            await client.hang_up()

    asyncio.run(story())


def test_an_open_call_is_named_at_the_other_gateway(two: Gateways) -> None:
    """It answers by itself: who asks for an answer gets its names, and nothing else is written."""

    def story(asked: RunningService, owner: RunningService) -> Any:
        attempt = started(owner, "The worried parent")
        chat = attempt["chat_id"]
        opened = called(owner, chat)
        names = {name: opened[name] for name in ("group_id", "run_id")}
        for body in (
            {"config": {"params": {"attempt_id": attempt["attempt_id"]}}},
            {"config": {"params": {"chat_id": chat}}},
            {"conversation_id": opened["conversation_id"]},
        ):
            given = ok(asked.post("/attempt/generate", body))
            assert {name: given[name] for name in names} == names
        assert ok(asked.post("/attempt/chat_get", {"chat_entry_id": chat}))["group_id"] == opened["group_id"]
        ok(asked.post("/attempt/chat_silence", {"chat_id": chat}))
        return [kind for kind, _ in owner.lines(chat)].count("query")

    assert at_both(two, story) == 1


def test_a_strangers_chat_is_unknown_alike(two: Gateways) -> None:
    attempt = started(two[0])
    opened = called(two[0], attempt["chat_id"])
    for operation, body in (
        ("end", {"attempt_id": attempt["attempt_id"], "chat_id": attempt["chat_id"]}),
        ("end_all", {"attempt_id": attempt["attempt_id"]}),
        ("chat_message", {"chat_id": attempt["chat_id"], "message": "Let me in."}),
        ("stop", {"chat_id": attempt["chat_id"]}),
        ("generate", {"conversation_id": opened["conversation_id"]}),
    ):
        here, there = (gateway.post(f"/attempt/{operation}", body, "bob") for gateway in two)
        assert here.status_code in (403, 404), operation
        assert (there.status_code, there.json()) == (here.status_code, here.json()), operation
    assert carries(two[0], attempt["chat_id"])
    two[1].post("/attempt/end_all", {"attempt_id": attempt["attempt_id"]})


# ------------------------------------------------------------------- content


def test_a_draft_that_names_its_chat_only_once_reaches_the_call(two: Gateways) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        chat = owner.chat()
        draft = ok(owner.post("/attempt/chat_draft", {"chat_id": chat, "name": "Another day"}))["draft_id"]
        ok(owner.post("/attempt/chat_voice", {"chat_id": chat}))
        found = ok(owner.post("/persona/search", {}))["personas"]
        wanted = next(persona["persona_id"] for persona in found if persona["name"] == "Marcus Bell")
        ok(asked.post("/attempt/chat_draft", {"draft_id": draft, "persona_ids": [wanted]}))

        def persona(inside: Any) -> str:
            [call] = [one for one in inside.calls.open_calls() if one.session.conversation.chat_id == chat]
            return str(call.session.conversation.persona.name)

        name = owner.ask(persona)
        ok(asked.post("/attempt/chat_silence", {"chat_id": chat}))
        return name

    assert at_both(two, story) == "Marcus Bell"


def test_content_that_is_read_again_reaches_the_calls_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "pack.yaml").write_text(PACK)
    with neighbours(tmp_path, packs=[folder]) as (owner, asked):
        chat = owner.chat(practice="Trips")
        ok(owner.post("/attempt/chat_voice", {"chat_id": chat}))
        (folder / "pack.yaml").write_text(PACK.replace("You steer.", "You steer to the east."))
        assert "persona_mv" in str(ok(asked.post("/attempt/chat_refresh", {})))

        def instructions(inside: Any) -> str:
            [call] = inside.calls.open_calls()
            return str(call.session.conversation.persona.instructions)

        assert owner.ask(instructions) == "You steer to the east."
