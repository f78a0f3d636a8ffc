"""socket.io as Glow's clients use it: who gets in, a whole session of the page, rooms, and every name of an event."""

import asyncio
from typing import Any

import pytest
import socketio

from api.doors.glow.socketio.table import Events, names_of
from api.doors.glow.table import OPERATIONS
from tests.service import TOKENS, WAIT_S, RunningService
from tests.socket_client import POLLING_FIRST, socket_of

QUESTION = "Hello, this is the records office. How can I help you?"


# --------------------------------------------------------------- who gets in


@pytest.mark.parametrize(
    "auth",
    [
        {"token": f"Bearer {TOKENS['ada']}"},
        {"token": f"bearer   {TOKENS['ada']} "},
        {"token": TOKENS["ada"]},
        {"token": f"Bearer {TOKENS['ada']}", "apiKey": "a licence"},
        TOKENS["ada"],
    ],
    ids=["web", "spaces", "bare", "with a licence key", "a string"],
)
def test_whoever_has_a_token_gets_in(service: RunningService, auth: Any) -> None:
    async def story() -> None:
        async with socket_of(service, auth=auth) as socket:
            confirmed = await socket.until("connection_confirmed")
            assert confirmed["sid"] == socket.client.get_sid()
            assert confirmed["profile_id"]
            assert confirmed["server_time"].endswith("+00:00")

    asyncio.run(story())


def test_a_header_is_as_good(service: RunningService) -> None:
    async def story() -> None:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, request_timeout=WAIT_S)
        await client.connect(service.url, headers=service.headers(), transports=["websocket"], wait_timeout=WAIT_S)
        assert client.connected
        await client.shutdown()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("auth", "sentence"),
    [
        ({}, "Missing Authorization: Bearer <token> header"),
        ({"token": ""}, "Missing Authorization: Bearer <token> header"),
        ({"token": 5}, "Missing Authorization: Bearer <token> header"),
        ([1], "Missing Authorization: Bearer <token> header"),
        ({"token": "Bearer wrong"}, "The token is unknown or revoked"),
    ],
)
def test_who_has_none_is_told_why(service: RunningService, auth: Any, sentence: str) -> None:
    async def story() -> None:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, request_timeout=WAIT_S)
        told: list[Any] = []
        client.on("connect_error", told.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(service.url, auth=auth, transports=["websocket"], wait_timeout=WAIT_S)
        assert told[0]["message"].startswith(sentence)
        await client.shutdown()

    asyncio.run(story())


# ------------------------------------------------------------ a whole session


@pytest.mark.parametrize(
    "transports",
    [["websocket"], POLLING_FIRST, pytest.param(["polling"], marks=pytest.mark.slow)],
    ids=lambda names: "-".join(names),
)
def test_a_session_of_the_page(service: RunningService, transports: list[str]) -> None:
    async def story() -> None:
        async with socket_of(service, transports=transports) as socket:
            started = await socket.ask("attempt_start", practice_id=service.practice("All three desks"))
            attempt, chat = started["attempt_id"], started["chat_id"]
            assert await socket.until("attempt_started") == {"attempt_id": attempt, "chat_entry_id": chat}
            assert (await socket.ask("attempt_join", chat_id=chat))["success"]
            assert await socket.until("attempt_joined") == {"chat_id": chat, "success": True}

            sent = await socket.ask("attempt_message", attempt_id=attempt, chat_id=chat, message=QUESTION)
            heard = await socket.until("attempt_user_complete")
            assert (heard["message_id"], heard["content"]) == (sent["user_message_id"], QUESTION)
            began = await socket.until("attempt_assistant_start")
            ended = await socket.until("attempt_assistant_complete")
            over = await socket.until("attempt_complete")
            assert over["final_content"] == ended["content"]
            assert (over["artifact_type"], over["completed"], over["success"]) == ("attempt", True, True)
            assert began["message_id"] == ended["message_id"]
            growing = [delta["content"] for delta in socket.of("attempt_assistant_delta")]
            assert growing == sorted(growing, key=len), "v5 text is accumulated"
            assert growing[-1] == ended["content"]
            assert (await socket.until("attempt_hint_progress"))["hints_count"] >= 1

            graded = await socket.ask("attempt_grade", attempt_id=attempt)
            told = await socket.until("attempt_graded")
            assert (told["chat_id"], told["score"]) == (chat, graded["score"])
            ended_chat = await socket.ask("attempt_end", attempt_id=attempt, chat_id=chat, grade=False)
            assert ended_chat["is_attempt_finished"] is False
            assert (await socket.until("attempt_chat_ended"))["chat_id"] == chat

            second = (await socket.ask("attempt_next", attempt_id=attempt))["chat_id"]
            assert await socket.until("attempt_chat_started") == {"attempt_id": attempt, "chat_id": second}
            all_ended = await socket.ask("attempt_end_all", attempt_id=attempt)
            assert all_ended["success"]
            assert (await socket.until("attempt_ended"))["attempt_id"] == attempt
            assert await socket.ask("attempt_leave", chat_id=chat) == {"chat_id": chat, "success": True}
            assert len(socket.of("attempt_ended")) == 1, "who hears several rooms hears it once"

    asyncio.run(story())


def test_the_canonical_dialect_is_acknowledged_and_told_to_every_socket_of_the_user(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as one, socket_of(service) as other, socket_of(service, "bob") as stranger:
            sent = await one.ask("attempt.chat_message", chat_id=chat, text=QUESTION)
            assert sent["success"]
            for socket in (one, other):
                started = await socket.until("attempt.chat_message.started")
                assert (started["chat_id"], started["text"]) == (chat, QUESTION)
                completed = await socket.until("attempt.chat_message.completed", role="assistant")
                assert completed["text"].startswith("Finally, a human being.")
            assert "attempt_assistant_start" in one.names(), "who asks hears the chat's room, joined or not"
            assert "attempt_assistant_start" not in other.names()
            await stranger.ask("attempt_leave", chat_id=chat)
            assert stranger.names() == ["connection_confirmed"]

    asyncio.run(story())


def test_what_http_does_is_told_in_the_rooms(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_join", chat_id=chat)
            body = {"chat_id": chat, "text": QUESTION}
            answer = await asyncio.to_thread(service.post, "/attempt/chat_message", body)
            assert answer.status_code == 200
            assert (await socket.until("attempt_user_complete"))["content"] == QUESTION
            assert (await socket.until("attempt_complete"))["success"]

    asyncio.run(story())


def test_who_has_left_hears_no_more(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as here, socket_of(service) as gone:
            for socket in (here, gone):
                await socket.ask("attempt_join", chat_id=chat)
            await gone.ask("attempt_leave", chat_id=chat)
            await here.ask("attempt_message", chat_id=chat, message=QUESTION)
            await here.until("attempt_complete")
            await gone.ask("attempt_leave", chat_id=chat)
            assert not gone.of("attempt_user_complete")

    asyncio.run(story())


def test_stopping_a_reply_keeps_what_was_written(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            await socket.ask("attempt_message", chat_id=chat, message=QUESTION)
            assert (await socket.ask("attempt_stop", chat_id=chat))["success"]
            assert (await socket.until("attempt_stopped"))["chat_id"] == chat
            again = await socket.ask("attempt_stop", chat_id=chat)
            assert again["message"] == "Nothing was being generated."
            assert (await socket.until("attempt_stopped"))["message"], "whoever waits for the end hears of it"

    asyncio.run(story())


def test_a_test_is_run_and_told(service: RunningService) -> None:
    async def story() -> None:
        found = (await asyncio.to_thread(service.post, "/benchmark/search", {})).json()["benchmarks"]
        async with socket_of(service) as socket:
            test = (await socket.ask("test_start", benchmark_id=found[0]["benchmark_id"]))["test_id"]
            assert (await socket.until("test_started"))["test_id"] == test
            run = await socket.ask("test_next", test_id=test)
            names = {"test_id": test, "test_invocation_id": run["invocation_id"], "run_id": run["run_id"]}
            assert (await socket.until("test_run_start"))["run_id"] == run["run_id"]
            joined = await socket.ask("test_join", invocation_id=run["invocation_id"])
            assert joined["success"]
            await socket.until("test_joined")
            await socket.ask("test_run", **names)
            assert (await socket.until("test_run_start"))["original_run_resource_id"]
            assert (await socket.until("test_progress"))["run_id"] == run["run_id"]
            assert (await socket.until("test_run_complete"))["run_id"] == run["run_id"]
            ended = await socket.ask("test_end", **names)
            assert (await socket.until("test_graded"))["score"] == ended["score"]
            assert (await socket.ask("test_stop", invocation_id=run["invocation_id"]))["success"]
            assert (await socket.ask("test_leave", invocation_id=run["invocation_id"]))["success"]
            refused = await socket.ask("test_run", test_id="nothing", test_invocation_id="nothing", run_id="nothing")
            assert (await socket.until("test_error"))["message"] == refused["error"]

    asyncio.run(story())


def test_who_takes_over_earlier_chats_is_told_of_each_though_not_in_their_rooms(service: RunningService) -> None:
    async def story() -> None:
        practice = await asyncio.to_thread(service.practice)
        async with socket_of(service) as socket:
            earlier = await socket.ask("attempt_start", practice_id=practice)
            await socket.ask("attempt_end", attempt_id=earlier["attempt_id"], chat_id=earlier["chat_id"])
            later = await socket.ask("attempt_start", practice_id=practice)
            taken = {later["chat_id"]: earlier["chat_id"]}
            await socket.ask("attempt_use_previous", attempt_id=later["attempt_id"], previous_chat_map=taken)
            await socket.until("attempt_chat_ended", chat_id=later["chat_id"])
            refused = await socket.ask("attempt_use_previous", attempt_id="nobody's", previous_chat_map=taken)
            assert refused["error"].startswith("Attempt not found")

    asyncio.run(story())


def test_an_attempt_is_refused_in_the_words_of_v5(service: RunningService) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:
            refused = await socket.ask("attempt_start", infinite_mode=True)
            assert refused["error"] == "Either home_id or practice_id must be provided"
            assert (await socket.until("attempt_error"))["message"] == refused["error"]

    asyncio.run(story())


def test_an_event_that_is_staged_waits(service: RunningService) -> None:
    async def story() -> None:
        found = (await asyncio.to_thread(service.post, "/benchmark/search", {})).json()["benchmarks"]
        async with socket_of(service) as socket:
            body = {"benchmark_id": found[0]["benchmark_id"]}
            staged = await socket.ask("test_start", **body, soft=True)
            assert staged["pending"] is True
            assert (await socket.ask("test_start", **body, accept=True))["test_id"]
            await socket.until("test_started")

    asyncio.run(story())


def test_a_draft_is_generated_from_instructions(service: RunningService) -> None:
    async def story() -> None:
        async with socket_of(service) as socket:
            begun = await socket.ask(
                "generate",
                artifact_types=[{"name": "chat", "operation": "draft"}],
                resource_types=["names", "objectives", {"name": "personas", "operation": "link"}],
                user_instructions=["A worried parent asks for their son's grades, which are private by law."],
                save=True,
            )
            assert (await socket.until("chat_generation_started"))["resource_types"] == [
                "names",
                "objectives",
                "personas",
            ]
            done = await socket.until("chat_generation_complete")
            assert done["run_id"] == begun["run_id"]
            steps = [step["percentage"] for step in socket.of("chat_generation_progress")]
            assert steps == [33, 67, 100]
            assert done["message"].startswith("No language model is configured, so this can only choose from what")
            persona = await socket.ask("persona.get", id=done["resources"]["persona_ids"][0])
            assert persona["name"] == "Dana Whitfield"
            drafts = (await socket.ask("attempt.chat_drafts"))["entries"]
            draft = next(entry for entry in drafts if entry["id"] == done["draft_id"])
            assert draft["objective_ids"] == done["resources"]["objective_ids"]
            assert draft["name"] == "The records office"
            await socket.ask("generate", artifact_types=[{"name": "rocket"}], resource_types=[])
            assert "cannot be generated" in (await socket.until("rocket_generation_error"))["message"]

    asyncio.run(story())


# --------------------------------------------------------------------- names


def test_every_event_of_the_page_has_its_names() -> None:
    events = Events(OPERATIONS)
    assert len(events.v5) == 23
    for name, event in events.by_name.items():
        for other in names_of(name):
            assert events.find(other) is event, "no name stands for two events"
    listed = (
        "attempt.message attempt.audio_start attempt.audio.start attempt.chat.send attempt.chat.stop attempt.chat.frame"
    )
    later = (
        "attempt.chat.voice attempt.chat.silence attempt.chat.mute attempt.chat.response artifacts.test.run test.start"
    )
    canonical = (
        "attempt.chat_message attempt.chat_speak attempt.chat_mute attempt.generate attempt.chat_get persona.search"
    )
    for name in [*listed.split(), *later.split(), *canonical.split()]:
        assert events.find(name), name
    assert {"attempt_audio_frame", "attempt.chat.frame", "attempt.chat_speak"} <= events.frames
    assert not any(events.find(name) for name in ("connect", "disconnect", "attempt_nothing"))


@pytest.mark.parametrize("name", ["attempt_join", "attempt.join", "artifacts.attempt.join", "attempt.chat.join"])
def test_every_name_is_heard(service: RunningService, name: str) -> None:
    async def story() -> None:
        chat = service.chat()
        async with socket_of(service) as socket:
            assert (await socket.ask(name, chat_id=chat))["success"]

    asyncio.run(story())
