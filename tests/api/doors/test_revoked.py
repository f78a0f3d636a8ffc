"""What is open when a token or a client is revoked, or a user deleted, is closed, at every door."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.doors.glow.socketio.server import REVOKED as SOCKET_REVOKED
from api.service import Service
from models.store import utc_now
from tests.servers.llm import LlmServer
from tests.service import WAIT_S, RunningService, http, unhearing
from tests.socket_client import POLLING_FIRST, socket_of

ROOT = Path(__file__).parents[3]


async def within(service: RunningService, work: Callable[[Service], Awaitable[Any]]) -> Any:
    """Do something on the service's loop."""

    async def done() -> Any:
        return await work(service.inside)

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(done(), service.loop))


async def made(service: RunningService, user: str = "zoe") -> tuple[str, str]:
    """A token of a user's, and its id."""
    secret, token = await within(service, lambda inside: inside.store.create_token(user))
    return secret, token.id


async def revoked(service: RunningService, token_id: str) -> None:
    """Revoke a token; what looks for revoked ones looks at once."""
    await within(service, lambda inside: inside.store.revoke_token(token_id))
    await within(service, lambda inside: inside.access.close_revoked())


def started(service: RunningService, secret: str) -> str:
    headers = {"Authorization": f"Bearer {secret}"}
    answer = http.post(f"{service.url}/attempt/start", json={"practice_id": service.practice()}, headers=headers)
    return str(answer.json()["chat_id"])


def test_a_voice_websocket_and_its_call(service: RunningService) -> None:
    async def story() -> None:
        secret, token_id = await made(service)
        chat = await asyncio.to_thread(started, service, secret)
        async with service.connection(None) as client, service.connection("ada") as other:
            ready = await client.open(chat, token=secret)
            await other.open(await asyncio.to_thread(service.chat))
            await revoked(service, token_id)
            error = await client.until("error")
            assert (error["code"], error["fatal"]) == ("revoked", True)
            assert "revoked" in error["message"]
            assert await client.until_closed() == 1008
            assert client.socket.close_reason == "revoked"
            await service.until(lambda inside: all(call.grant.user.name != "zoe" for call in inside.calls.open_calls()))
            await other.hang_up()
        again, _ = await made(service)
        async with service.connection(None) as client:
            await client.send("chat_voice", chat_id=chat, token=again, resume=ready["resume"])
            assert (await client.until("error"))["code"] == "not_found", "the call is over, not left for another token"

    asyncio.run(story())


def test_a_call_by_request(service: RunningService) -> None:
    async def story() -> None:
        secret, token_id = await made(service)
        chat = await asyncio.to_thread(started, service, secret)
        headers = {"Authorization": f"Bearer {secret}"}
        opened = await asyncio.to_thread(
            http.post, f"{service.url}/attempt/chat_voice", json={"chat_id": chat}, headers=headers
        )
        conversation = opened.json()["conversation_id"]
        assert service.ask(lambda inside: [call.session.conversation_id for call in inside.calls.open_calls()]) == [
            conversation
        ]
        await revoked(service, token_id)
        await service.until(lambda inside: not inside.calls.open_calls())

    asyncio.run(story())


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], POLLING_FIRST])
def test_a_socket_and_the_call_that_it_attends(service: RunningService, transports: list[str]) -> None:
    async def story() -> None:
        secret, token_id = await made(service)
        chat = await asyncio.to_thread(started, service, secret)
        async with socket_of(service, auth={"token": secret}, transports=transports) as socket:
            await socket.ask("attempt_audio_start", chat_id=chat)
            websocket = socket.client.eio.ws
            await revoked(service, token_id)
            assert (await socket.until("connection_closed")) == {"message": SOCKET_REVOKED}
            async with asyncio.timeout(WAIT_S):
                await socket.client.eio.wait()
            if "websocket" in transports:
                assert websocket.close_code == 1008
            await service.until(lambda inside: not inside.calls.open_calls())

    asyncio.run(story())


def test_a_watched_stream(service: RunningService) -> None:
    async def story() -> None:
        secret, token_id = await made(service)
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False, verify=False) as client:
            headers = {"Authorization": f"Bearer {secret}"}
            async with client.stream("GET", f"{service.url}/attempt/watch", headers=headers) as answer:
                lines = answer.aiter_lines()
                assert await anext(lines) == ": watching"
                await revoked(service, token_id)
                assert [line async for line in lines] == [""]

    asyncio.run(story())


def test_a_call_of_a_clients_access_token(service: RunningService) -> None:
    async def story() -> None:
        secret, client = await within(service, lambda inside: inside.store.create_oauth_client("yan"))
        credentials = {"grant_type": "client_credentials", "client_id": client.id, "client_secret": secret}
        answer = await asyncio.to_thread(http.post, f"{service.url}/oauth2/token", data=credentials)
        access = answer.json()["access_token"]
        chat = await asyncio.to_thread(started, service, access)
        async with service.connection(None) as caller:
            await caller.open(chat, token=access)
            await within(service, lambda inside: inside.store.revoke_oauth_client(client.id))
            await within(service, lambda inside: inside.access.close_revoked())
            assert await caller.until_closed() == 1008

    asyncio.run(story())


def test_a_call_whose_token_expires(service: RunningService, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        secret, _ = await within(service, lambda inside: inside.store.create_token("zoe", lifetime=timedelta(hours=1)))
        chat = await asyncio.to_thread(started, service, secret)
        async with service.connection(None) as client, socket_of(service, auth={"token": secret}) as socket:
            await client.open(chat, token=secret)
            await within(service, lambda inside: inside.access.close_revoked())
            with monkeypatch.context() as later:
                later.setattr(service.inside.store, "_now", lambda: utc_now() + timedelta(hours=1))
                await within(service, lambda inside: inside.access.close_revoked())
            assert (await client.until("error"))["code"] == "revoked"
            assert await client.until_closed() == 1008
            assert (await socket.until("connection_closed")) == {"message": SOCKET_REVOKED}

    asyncio.run(story())


def working(service: RunningService) -> set[str]:
    """What the service works on in the background: hints, drafts, test runs."""
    names = service.ask(lambda _: {task.get_name() for task in asyncio.all_tasks()})
    return {name.partition(" ")[0] for name in names} & {"hints", "generation", "test"}


@pytest.mark.slow
def test_what_a_token_has_begun_stops_with_it(tmp_path: Path, llm_server: LlmServer) -> None:
    """A written reply keeps what there is of it; a draft and a test run are marked as stopped."""
    chosen = {"llm": "openai", "llm_model": "slow", "openai_base_url": llm_server.url, "openai_api_key": "key"}

    async def story(service: RunningService) -> None:
        secret, token_id = await made(service)
        chat = await asyncio.to_thread(started, service, secret)
        headers = {"Authorization": f"Bearer {secret}"}

        def asked(path: str, **body: Any) -> Any:
            answer = http.post(f"{service.url}{path}", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()

        other, _ = await made(service)
        async with (
            socket_of(service, auth={"token": secret}) as socket,
            socket_of(service, auth={"token": other}) as watching,
        ):
            await watching.ask("attempt_join", chat_id=chat)
            await asyncio.to_thread(asked, "/attempt/message", chat_id=chat, message="Hello there.")
            await asyncio.to_thread(llm_server.wait_for_request)
            llm_server.release(3)
            await watching.until("attempt_assistant_progress")
            parts = {"artifact_types": [{"name": "chat"}], "resource_types": ["names"]}
            await socket.ask("generate", **parts, user_instructions=["A parent asks for grades."])
            await asyncio.to_thread(llm_server.wait_for_request)
            assert working(service) == {"hints", "generation"}
            await revoked(service, token_id)
            await watching.until("attempt_stopped")
        await service.until(lambda inside: not inside.chats.chat_ids)
        _, kept = await within(service, lambda inside: inside.store.messages(chat))
        assert (kept.text, kept.interrupted) == ("This is a", True)
        assert working(service) == set()

    with unhearing(tmp_path, **chosen) as service:
        asyncio.run(story(service))


def revoked_by_the_command(data_dir: Path, token_id: str) -> None:
    environment = {**os.environ, "GLOW_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "api.cli.main", "token", "revoke", token_id]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "opens nothing any more" in done.stdout, done.stderr


def deleted_by_the_command(data_dir: Path, _: str) -> None:
    environment = {**os.environ, "GLOW_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "api.cli.main", "user", "delete", "zoe", "--yes"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout == "zoe is deleted; 2 chats are removed.\n", done.stderr


def until_it_opens_nothing(data_dir: Path, token_id: str) -> None:
    """Wait until the other process has said so."""
    with closing(sqlite3.connect(data_dir / "glow.db")) as connection:
        stands = "SELECT count(*) FROM tokens WHERE id = ? AND revoked_at IS NULL"
        while connection.execute(stands, (token_id,)).fetchone() != (0,):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("end", [revoked_by_the_command, deleted_by_the_command])
def test_within_five_seconds_of_what_another_process_does(
    tmp_path: Path, end: Callable[[Path, str], None], record_property: Callable[[str, object], None]
) -> None:
    async def story(service: RunningService) -> None:
        secret, token_id = await made(service)
        chat, second = [await asyncio.to_thread(started, service, secret) for _ in range(2)]
        async with (
            service.connection(None) as client,
            socket_of(service, auth={"token": secret}) as socket,
            httpx.AsyncClient(timeout=WAIT_S, trust_env=False, verify=False) as watcher,
            watcher.stream(
                "GET", f"{service.url}/attempt/watch", headers={"Authorization": f"Bearer {secret}"}
            ) as answer,
        ):
            await client.open(chat, token=secret)
            await socket.ask("attempt_audio_start", chat_id=second)
            websocket = socket.client.eio.ws
            ending = asyncio.create_task(asyncio.to_thread(end, tmp_path, token_id))
            await asyncio.to_thread(until_it_opens_nothing, tmp_path, token_id)
            began = time.monotonic()
            assert await client.until_closed() == 1008
            await socket.client.eio.wait()
            assert websocket.close_code == 1008
            await answer.aread()
            await service.until(lambda inside: not inside.calls.open_calls())
            record_property("seconds", f"{time.monotonic() - began:.2f}")
            assert time.monotonic() - began < 5
            await ending
        with closing(sqlite3.connect(tmp_path / "glow.db")) as connection:
            left = connection.execute("SELECT count(*) FROM users JOIN chats WHERE users.name = 'zoe'").fetchone()
        assert left == (0 if end is deleted_by_the_command else 2,)

    with unhearing(tmp_path) as service:
        asyncio.run(story(service))
