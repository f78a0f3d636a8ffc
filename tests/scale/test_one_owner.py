"""One chat at two gateways: one of them has its call, and the other takes it over or asks there."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.scale.neighbours import SECRET, Gateways
from tests.service import RunningService, http, unhearing

pytestmark = pytest.mark.slow

AUDIO = base64.b64encode(bytes(960)).decode()


def carried(*gateways: RunningService) -> list[list[str]]:
    """The chats of the calls that each gateway carries."""

    def chats(inside: Any) -> list[str]:
        return [call.session.conversation.chat_id for call in inside.calls.open_calls()]

    return [gateway.ask(chats) for gateway in gateways]


def test_both_open_one_chat_and_one_of_them_has_it(two: Gateways) -> None:
    async def story() -> None:
        chat = two[0].chat()
        async with two[0].connection() as here, two[1].connection() as there:
            for client in (here, there):
                await client.send("chat_voice", chat_id=chat)
            first = [await client.receive() for client in (here, there)]
            assert sorted(message["type"] for message in first) == ["chat_voice", "error"]
            lost = [message for message in first if message["type"] == "error"]
            assert [message["code"] for message in lost] == ["session_conflict"]
            won = here if first[0]["type"] == "chat_voice" else there
            await won.send("chat_message", text="code word one")
            await won.until("user.message", text="code word one")
            await won.hang_up()
        assert [text for _, text in two[1].lines(chat)][:1] == ["code word one"]

    asyncio.run(story())


def test_with_its_token_a_call_is_taken_over_and_goes_on_with_its_names(two: Gateways) -> None:
    async def story() -> None:
        chat = two[0].chat()
        async with two[0].call(chat) as first:
            await first.send("chat_message", text="code word one")
            await first.until("reply.audio", turn=1)
            async with two[1].call(chat, resume=first.ready["resume"]) as second:
                assert second.ready["conversation_id"] == first.ready["conversation_id"]
                assert second.ready["resume"] == first.ready["resume"]
                await first.until("error", code="taken_over")
                assert await first.until_closed() == 1008
                assert [chat in chats for chats in carried(*two)] == [False, True]
                await second.send("chat_message", text="code word two")
                said = await second.until("user.message", text="code word two")
                assert said["turn"] == 2
                await second.until("reply.audio", turn=2)
                async with two[0].call(chat, resume=first.ready["resume"]) as third:  # and back
                    await second.until("error", code="taken_over")
                    assert third.ready["conversation_id"] == first.ready["conversation_id"]
                    await third.hang_up()
        words = [text for kind, text in two[0].lines(chat) if kind == "query"]
        assert words == ["code word one", "code word two"]
        assert all(message["completed"] for message in two[0].history(chat) if "completed" in message)

    asyncio.run(story())


def test_a_wrong_token_takes_nothing(two: Gateways) -> None:
    async def story() -> None:
        chat = two[0].chat()
        async with two[0].call(chat) as first:
            async with two[1].connection() as second:
                await second.send("chat_voice", chat_id=chat, resume="of another call")
                refused = await second.until("error")
                assert refused["code"] == "not_found"
            await first.send("chat_message", text="still mine")
            await first.until("user.message", text="still mine")
            await first.hang_up()

    asyncio.run(story())


def test_an_unattended_call_is_attended_at_the_other_gateway(two: Gateways) -> None:
    async def story() -> None:
        chat = two[0].chat()
        opened = two[0].post("/attempt/chat_voice", {"chat_id": chat}).json()
        async with two[1].call(chat) as client:
            assert client.ready["conversation_id"] == opened["conversation_id"]
            assert [chat in chats for chats in carried(*two)] == [False, True]
            await client.hang_up()

    asyncio.run(story())


def spoken(chat: str, conversation: str) -> list[tuple[str, dict[str, Any]]]:
    """Every request on a call, in an order in which each makes sense."""
    return [
        ("chat_voice", {"chat_id": chat}),
        ("chat_speak", {"conversation_id": conversation, "audio": AUDIO}),
        ("chat_speak", {"chat_id": chat, "audio": AUDIO}),
        ("chat_speak", {"chat_id": chat, "audio": "no base64"}),
        ("chat_mute", {"chat_id": chat, "muted": True}),
        ("chat_mute", {"chat_id": chat, "muted": False}),
        ("chat_message", {"chat_id": chat, "message": "Hello there."}),
        ("message", {"chat_id": chat, "message": "Hello again.", "idempotency_key": f"key of {chat}"}),
        ("message", {"chat_id": chat, "message": "Another payload.", "idempotency_key": f"key of {chat}"}),
        ("generate", {"config": {"params": {"chat_id": chat}}}),
        ("generate", {"conversation_id": conversation}),
        ("stop", {"chat_id": chat}),
        ("chat_silence", {"chat_id": chat}),
        ("chat_silence", {"chat_id": chat}),
        ("chat_speak", {"conversation_id": conversation, "audio": AUDIO}),
    ]


def shape(answer: httpx.Response) -> Any:
    """An answer without the ids, which differ from chat to chat, and what was heard last, which depends on time."""

    def plain(name: str, value: Any) -> Any:
        return bool(value) if name.endswith(("_id", "_ids", "_key")) or name == "transcript" else value

    return answer.status_code, {name: plain(name, value) for name, value in answer.json().items()}


def test_every_request_on_a_call_is_answered_at_the_other_gateway_as_at_its_own(two: Gateways) -> None:
    def answers(asked: RunningService, owner: RunningService) -> list[Any]:
        chat = owner.chat()
        conversation = owner.post("/attempt/chat_voice", {"chat_id": chat}).json()["conversation_id"]
        found = []
        for name, body in spoken(chat, conversation):
            answer = asked.post(f"/attempt/{name}", body)
            assert name != "chat_voice" or answer.json()["conversation_id"] == conversation, "the same call"
            found.append((name, *shape(answer)))
        words = [text for kind, text in owner.lines(chat) if kind == "query"]
        assert words == ["Hello there.", "Hello again."], "each once"
        return found

    assert answers(two[1], two[0]) == answers(two[0], two[0])


def test_a_strangers_request_is_refused_alike(two: Gateways) -> None:
    chat = two[0].chat()
    conversation = two[0].post("/attempt/chat_voice", {"chat_id": chat}).json()["conversation_id"]
    asked = {"conversation_id": conversation, "audio": AUDIO}
    here, there = (gateway.post("/attempt/chat_speak", asked, "bob") for gateway in two)
    assert (there.status_code, there.json()) == (here.status_code, here.json()) == (403, here.json())
    two[1].post("/attempt/chat_silence", {"chat_id": chat})
    assert not any(chat in chats for chats in carried(*two))


@pytest.mark.parametrize("path", ["release", "operation"])
def test_what_the_gateways_tell_each_other_takes_their_secret(two: Gateways, path: str) -> None:
    def status(**headers: str) -> int:
        return http.post(f"{two[0].url}/internal/{path}", json={}, headers=headers).status_code

    assert status() == 403
    assert status(**{"X-Glow-Gateway": "another secret 0123456789"}) == 403
    assert status(**two[0].headers()) == 403
    assert status(**{"X-Glow-Gateway": SECRET}) == 422


def test_a_forwarded_request_is_not_forwarded_again(two: Gateways) -> None:
    chat = two[0].chat()
    two[0].post("/attempt/chat_voice", {"chat_id": chat})
    user = two[0].ask(lambda inside: inside.calls.open_calls()[-1].user_id)
    body = {
        "key": "attempt.chat_mute",
        "grant": {"user": {"id": user, "name": "ada", "created_at": "2030-01-01T00:00:00Z"}},
        "body": {"chat_id": chat, "muted": True},
    }
    answer = http.post(f"{two[1].url}/internal/operation", json=body, headers={"X-Glow-Gateway": SECRET})
    assert answer.status_code == 409, answer.text
    assert "moved" in answer.json()["message"]
    two[0].post("/attempt/chat_silence", {"chat_id": chat})


def test_without_a_secret_nothing_is_told(tmp_path: Path) -> None:
    with unhearing(tmp_path) as alone:
        for path in ("release", "operation"):
            assert http.post(f"{alone.url}/internal/{path}", json={}, headers={"X-Glow-Gateway": ""}).status_code == 404


def test_a_full_gateway_says_so_to_the_proxy(tmp_path: Path) -> None:
    def ready(service: RunningService) -> tuple[int, str]:
        answer = http.get(f"{service.url}/ready")
        return answer.status_code, answer.json()["state"]

    with unhearing(tmp_path, max_calls=1) as service:
        asyncio.run(service.until(lambda inside: inside.ready.is_set()))
        assert ready(service) == (200, "serving")
        chat = service.chat()
        service.post("/attempt/chat_voice", {"chat_id": chat})
        assert ready(service) == (503, "full")
        service.post("/attempt/chat_silence", {"chat_id": chat})
        assert ready(service) == (200, "serving")
