"""What touches a chat's live state behind the other doors is right at whichever gateway it is asked for."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.doors.openai.webrtc.client import webrtc
from tests.scale.anywhere import at_both, called, carries, known, ok, started
from tests.scale.neighbours import Gateways
from tests.service import WAIT_S, RunningService, http
from tests.socket_client import socket_of

pytestmark = pytest.mark.slow

LEARNER = "00000000-0000-0000-0000-000000000000"


# ---------------------------------------------------------------- other doors


def written_beside(owner: RunningService, chat: str, write: Callable[[], str]) -> list[tuple[str, str]]:
    """What an attended call knows after something was written in its chat; `write` returns the answer."""

    async def story() -> list[tuple[str, str]]:
        async with owner.call(chat) as client:
            answer = await asyncio.to_thread(write)
            lines = known(owner, chat)
            assert lines[-1] == ("assistant", answer)
            await client.hang_up()
            return lines

    return asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_written_over_gloo_is_known_to_the_call(two: Gateways, stream: bool) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        def ask(gateway: RunningService, query: str, **more: Any) -> dict[str, Any]:
            answer = gateway.post("/ai/v1/message", {"query": query, **more})
            assert answer.status_code == 200, answer.text
            if not more.get("stream"):
                return ok(answer)
            events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
            assert events[-1] == "[DONE]"
            last: dict[str, Any] = json.loads(events[-2])
            return last

        chat = ask(owner, "How long is the warranty of a computer?")["chat_id"]
        question = "And is the battery covered?"
        return written_beside(owner, chat, lambda: str(ask(asked, question, chat_id=chat, stream=stream)["message"]))

    assert len(at_both(two, story)) == 4


def test_what_is_written_over_glean_is_known_to_the_call(two: Gateways) -> None:
    def story(asked: RunningService, owner: RunningService) -> Any:
        def ask(gateway: RunningService, question: str, **more: Any) -> dict[str, Any]:
            message = {"author": "USER", "messageType": "CONTENT", "fragments": [{"text": question}]}
            return ok(gateway.post("/rest/api/v1/chat", {"messages": [message], "saveChat": True, **more}))

        def write() -> str:
            told = ask(asked, "And is the battery covered?", chatId=chat)
            return "".join(part.get("text", "") for part in told["messages"][-1]["fragments"])

        chat = str(ask(owner, "How long is the warranty of a computer?")["chatId"])
        return written_beside(owner, chat, write)

    assert len(at_both(two, story)) == 4


@pytest.mark.parametrize("everything", [False, True])
def test_chats_that_are_deleted_over_glean_have_no_call_any_more(two: Gateways, everything: bool) -> None:
    async def story() -> None:
        message = {"author": "USER", "messageType": "CONTENT", "fragments": [{"text": "Is the battery covered?"}]}
        chats = []
        for gateway in two:
            told = await asyncio.to_thread(gateway.post, "/rest/api/v1/chat", {"messages": [message], "saveChat": True})
            chats.append(str(ok(told)["chatId"]))
        async with two[0].call(chats[0]) as near, two[1].call(chats[1]) as far:
            path, body = ("deleteallchats", {}) if everything else ("deletechats", {"ids": chats})
            answer = await asyncio.to_thread(two[1].post, f"/rest/api/v1/{path}", body)
            assert (answer.status_code, answer.json()) == (200, {})
            for client in (near, far):
                await client.until("chat_silence")
        assert [carries(gateway, chat) for gateway, chat in zip(two, chats, strict=True)] == [False, False]

    asyncio.run(story())


def test_a_lesson_goes_on_in_writing_and_in_its_call_at_any_gateway(two: Gateways) -> None:
    """A turn is read from the store and kept there, so the Tutor's requests need no other gateway."""

    def story(asked: RunningService, owner: RunningService) -> Any:
        body = {"userId": LEARNER, "nodeId": "worried-caller"}
        session = ok(owner.post("/api/chat/sessions", body))["id"]
        path = f"/api/chat/sessions/{session}/tutor"

        async def heard() -> list[str]:
            async with owner.call(session) as client:
                begun = await asyncio.to_thread(asked.post, path, {"userId": LEARNER, "content": ""})
                lines = [str(ok(begun)["message"])]
                await client.send("chat_message", text="hello this is the records office how can i help you")
                started = await client.until("reply.started")
                await client.send("stop")
                lines.append(str((await client.until("reply.ended", turn=started["turn"]))["text"]))
                later = await asyncio.to_thread(
                    asked.post, path, {"userId": LEARNER, "content": "[CLARIFICATION] Why is that?"}
                )
                lines.append(str(ok(later)["message"]))
                await client.hang_up()
                return lines

        lines = asyncio.run(heard())
        kept = http.get(f"{asked.url}/api/chat/sessions/{session}/messages", headers=asked.headers()).json()
        return lines, [(message["role"], message["kind"]) for message in kept]

    lines, kept = at_both(two, story)
    assert len(set(lines)) == 3
    assert [role for role, _ in kept] == ["assistant", "user", "assistant", "user", "assistant"]


# ------------------------------------------------------------------ socket.io


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_frame_attends_an_unattended_call_of_the_other_gateway(two: Gateways, acknowledged: bool) -> None:
    async def story() -> None:
        chat = await asyncio.to_thread(two[0].chat)
        opened = ok(await asyncio.to_thread(two[0].post, "/attempt/chat_voice", {"chat_id": chat}))
        frame = {"chat_id": chat, "audio": base64.b64encode(bytes(960)).decode()}
        async with socket_of(two[1]) as socket:
            if acknowledged:
                assert await socket.ask("attempt_audio_frame", frame) == {"accepted": True}
            else:
                await socket.send("attempt_audio_frame", frame)

            def sits(inside: Any) -> list[str]:
                return [call.session.conversation_id for call in inside.calls.open_calls() if call.attended]

            assert await two[1].until(sits) == [opened["conversation_id"]]
            assert not carries(two[0], chat)
            assert (await socket.ask("attempt_audio_stop", chat_id=chat))["stopped"] is True

    asyncio.run(story())


def test_frames_for_no_call_are_refused_and_ask_the_others_seldom(two: Gateways) -> None:
    async def story() -> None:
        chat = await asyncio.to_thread(two[0].chat)
        frame = {"chat_id": chat, "audio": base64.b64encode(bytes(960)).decode()}
        async with socket_of(two[1]) as socket:
            for _ in range(400):
                await socket.send("attempt_audio_frame", frame)
            assert await socket.ask("attempt_audio_frame", frame) == {"accepted": False}

    asyncio.run(story())


def test_events_of_a_socket_end_and_stop_a_call_of_the_other_gateway(two: Gateways) -> None:
    async def story() -> None:
        attempt = await asyncio.to_thread(started, two[0])
        chat = attempt["chat_id"]
        async with two[0].call(chat) as client, socket_of(two[1]) as socket:
            said = await socket.ask("attempt_message", chat_id=chat, message="Good morning.")
            assert (await client.until("user.message"))["message_id"] == said["user_message_id"]
            begun = await client.until("reply.audio")
            await socket.ask("attempt_stop", chat_id=chat)
            assert (await client.until("reply.ended", turn=begun["turn"]))["interrupted"] is True
            ended = await socket.ask("attempt_end", attempt_id=attempt["attempt_id"], chat_id=chat, grade=False)
            assert ended["is_attempt_finished"] is False
            await client.until("chat_silence")
        assert not carries(two[0], chat)

    asyncio.run(story())


# ------------------------------------------------------- WebRTC, and the studio


def test_a_call_over_webrtc_is_hung_up_at_any_gateway(two: Gateways) -> None:
    async def story() -> None:
        async with webrtc(two[0]) as client:
            await client.until("session.created")
            address = f"{two[1].url}{client.location}"

            def ask(verb: str, user: str) -> int:
                return http.post(f"{address}/{verb}", headers=two[1].headers(user), json={}).status_code

            assert await asyncio.to_thread(ask, "hangup", "bob") == 404
            assert await asyncio.to_thread(ask, "accept", "ada") == 400, "it is there, and is not one of SIP"
            assert await asyncio.to_thread(ask, "hangup", "ada") == 200
            await client.until_so(lambda: client.pc.connectionState == "closed")
            await two[0].until(lambda _: not len(two[0].app.state.realtime_calls))
            assert await asyncio.to_thread(ask, "hangup", "ada") == 404

    asyncio.run(story())


def test_an_operator_sees_the_calls_of_all_gateways(two: Gateways) -> None:
    async def token() -> str:
        return str((await two[0].inside.store.create_token("olga", scope="operator"))[0])

    headers = {
        "Authorization": f"Bearer {asyncio.run_coroutine_threadsafe(token(), two[0].loop).result(WAIT_S)}",
    }
    chats = [gateway.chat() for gateway in two]
    for gateway, chat in zip(two, chats, strict=True):
        called(gateway, chat)
    for gateway in two:
        listed = ok(http.get(f"{gateway.url}/studio/calls", headers=headers))["going_on"]
        assert [card["chat_id"] for card in listed if card["chat_id"] in chats] == chats[::-1], "the latest first"
        for card in listed:
            seen = ok(http.get(f"{gateway.url}/studio/calls/{card['call_id']}", headers=headers))
            assert "Good morning." in [line["text"] for line in seen["lines"]]
        assert http.get(f"{gateway.url}/studio/calls/none", headers=headers).status_code == 404
    for chat in chats:
        ok(two[0].post("/attempt/chat_silence", {"chat_id": chat}))
