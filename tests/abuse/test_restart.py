"""The service stopped and killed under ten callers of the product's own client, and started again."""

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from api.client.call import Call
from api.client.http import RemoteService, StoredMessage
from api.client.voice import VoiceClient, open_call
from tests.servers.postgres import postgres_running
from tests.servers.process import ServiceProcess, service_process

pytestmark = pytest.mark.slow

CALLERS = 10


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with service_process(tmp_path_factory.mktemp("service"), drain_s="100") as running:
        yield running


async def told(client: VoiceClient, text: str) -> None:
    """Type something, and wait until it is acknowledged and answered."""
    await client.type_text(text)
    message = await client.next("user.message")
    await client.next("reply.audio", turn=message["turn"])


async def until_some_is_stored(remote: RemoteService, chat: str) -> None:
    """Wait until some of the first answer is stored as heard."""
    async with asyncio.timeout(60):
        while not any(message.text for message in await asyncio.to_thread(remote.messages, chat) if message.is_persona):
            pass


async def called(
    service: ServiceProcess, stop: signal.Signals, number_of_callers: int = CALLERS
) -> tuple[list[VoiceClient], list[str], int]:
    """Callers are being answered when the service gets the signal, go on when it is back, and hang up.

    Returns:
        The callers, their chats, and the exit status of the first process.
    """
    with RemoteService(service.url, service.token) as remote:
        chats = [remote.start_named("The worried parent")[1] for _ in range(number_of_callers)]
    async with AsyncExitStack() as stack:
        remote = stack.enter_context(RemoteService(service.url, service.token))
        callers = [
            await stack.enter_async_context(open_call(service.url, Call(chat), token=service.token)) for chat in chats
        ]
        for number, caller in enumerate(callers):
            await told(caller, f"code word {number}.1")
        for chat in chats:
            await until_some_is_stored(remote, chat)
        service.send(stop)
        status = await asyncio.to_thread(service.ended)
        await asyncio.to_thread(service.start)
        for caller in callers:
            while caller.reconnects == 0:
                await caller.next("chat_voice")
        for number, caller in enumerate(callers):
            await told(caller, f"code word {number}.2")
        for caller in callers:
            await caller.hang_up()
    return callers, chats, status


def checked(service: ServiceProcess, callers: list[VoiceClient], chats: list[str]) -> list[list[StoredMessage]]:
    """Every acknowledged message is stored once, in order, in its chat; returns the histories."""
    histories = []
    with RemoteService(service.url, service.token) as remote:
        for number, (caller, chat) in enumerate(zip(callers, chats, strict=True)):
            names = {event["conversation_id"] for event in caller.log if event.type == "chat_voice"}
            assert len(names) == 1, "it is the same call"
            assert (caller.reconnects, caller.renewals) == (1, 0)
            errors = {event["code"] for event in caller.log if event.type == "error"}
            assert errors <= {"silent_audio"}, "nobody speaks, which on a slow machine takes longer than ten seconds"
            messages = [(event["turn"], event["text"]) for event in caller.log if event.type == "user.message"]
            assert messages == [(1, f"code word {number}.1"), (2, f"code word {number}.2")]
            history = remote.messages(chat)
            assert [message.text for message in history if not message.is_persona] == [text for _, text in messages]
            histories.append(history)
    return histories


def test_sigterm_lets_everybody_finish_and_nobody_notices(service: ServiceProcess) -> None:
    callers, chats, status = asyncio.run(called(service, signal.SIGTERM))
    assert status == 0
    for caller in callers:
        assert [event.type for event in caller.log].count("restarting") == 1
        first = next(event for event in caller.log if event.type == "reply.ended")
        assert (first["turn"], first["interrupted"]) == (1, False), "she finishes her sentence"
    checked(service, callers, chats)
    assert "Traceback" not in service.log()


def test_kill_9_loses_nothing_that_was_acknowledged(service: ServiceProcess) -> None:
    killed(service, CALLERS)


def test_kill_9_loses_nothing_on_postgres(tmp_path: Path) -> None:
    with postgres_running() as server, service_process(tmp_path, database_url=server.new_database()) as service:
        killed(service, 3)


def test_a_second_process_leaves_the_calls_of_the_first_alone_until_it_is_killed(tmp_path: Path) -> None:
    async def story(first: ServiceProcess) -> None:
        with RemoteService(first.url, first.token) as remote:
            chat = remote.start_named("The worried parent")[1]
        async with open_call(first.url, Call(chat), token=first.token) as caller:
            await told(caller, "code word 1")
            with service_process(tmp_path) as second:  # blocks this loop, and the caller with it; neither minds
                assert released(tmp_path) == [False]
                await told(caller, "code word 2")
                first.send(signal.SIGKILL)
                await asyncio.to_thread(first.ended)
                await asyncio.to_thread(until_all_are_released, tmp_path)
                await asyncio.to_thread(until_it_is_logged, second)
                assert second.log().count("A process was killed") == 1
                with RemoteService(second.url, second.token) as remote:
                    said = [message.text for message in remote.messages(chat) if not message.is_persona]
                assert said == ["code word 1", "code word 2"]

    with service_process(tmp_path) as service:
        asyncio.run(story(service))


def released(folder: Path) -> list[bool]:
    """Of the stored calls, whether each is carried by nobody."""
    with closing(sqlite3.connect(folder / "glow.db")) as connection:
        return [at is not None for (at,) in connection.execute("SELECT released_at FROM open_calls")]


def until_all_are_released(folder: Path) -> None:
    while released(folder) != [True]:
        pass


def until_it_is_logged(service: ServiceProcess) -> None:
    while "A process was killed" not in service.log():
        pass


def killed(service: ServiceProcess, number_of_callers: int) -> None:
    """Kill the service under callers, and check what is left."""
    callers, chats, status = asyncio.run(called(service, signal.SIGKILL, number_of_callers))
    assert status == -signal.SIGKILL
    for caller, history in zip(callers, checked(service, callers, chats), strict=True):
        first = next(event for event in caller.log if event.type == "reply.ended")
        assert first["turn"] == 1
        assert first["interrupted"] or first["heard"] == first["text"], "it is told where she was cut"
        assert history[1].text == first["heard"] != "", "what was heard of the reply is stored"
    assert "Traceback" not in service.log()
