"""What happens at one gateway is heard at the other, over PostgreSQL and over Redis, and what becomes of it without."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from api.client.call import Call
from api.client.voice import open_call
from tests.scale.twins import Twins, Watcher, ask, ok, started, twins, watching
from tests.servers.process import TOKEN, ServiceProcess
from tests.socket_client import Socket, socket_of

pytestmark = pytest.mark.slow

BACK_S = 5.0
"""Within so many seconds of its server's return, the bus brings events again."""


@pytest.fixture(params=["pg", "redis"], scope="module")
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with twins(tmp_path_factory.mktemp("twins"), request.param) as running:
        yield running


def at(gateway: ServiceProcess) -> Any:
    """Return a socket.io client's context at a gateway."""
    return socket_of(SimpleNamespace(url=gateway.url), auth={"token": f"Bearer {TOKEN}"})  # type: ignore[arg-type]


async def said(gateway: ServiceProcess, chat: str, text: str) -> None:
    """Send a message, and wait for its answer."""
    body = {"chat_id": chat, "text": text, "wait_for_complete": True}
    ok(await asyncio.to_thread(ask, gateway, "/attempt/chat_message", **body))


async def begun(*watchers: Watcher) -> None:
    for watcher in watchers:
        await watcher.until(lambda one: ": watching" in one.comments)


def of_chat(events: list[tuple[str, Any]], chat: str) -> list[tuple[str, Any]]:
    return [(name, payload) for name, payload in events if payload.get("chat_id") == chat and name != "attempt_joined"]


def test_rooms_and_watchers_hear_the_same_at_both(pair: Twins) -> None:
    async def story() -> None:
        chat = await asyncio.to_thread(started, pair.one)
        async with at(pair.one) as here, at(pair.two) as there, asyncio.TaskGroup() as tasks:
            with watching(tasks, pair.one) as near, watching(tasks, pair.two) as far:
                await begun(near, far)
                for socket in (here, there):
                    await socket.ask("attempt_join", chat_id=chat)
                    await socket.until("attempt_joined", chat_id=chat)
                for speaker in (pair.one, pair.two):
                    marks = [len(socket.events) for socket in (here, there)]
                    await said(speaker, chat, "Hello.")
                    for socket in (here, there):  # what is answered to comes after what was published
                        for _ in range(2):
                            await socket.until("attempt.chat_message.completed", chat_id=chat)
                    here_heard, there_heard = (
                        of_chat(one.events[mark:], chat) for one, mark in zip((here, there), marks, strict=True)
                    )
                    assert here_heard == there_heard
                    expected = {"attempt_user_complete", "attempt_assistant_delta", "attempt_assistant_complete"}
                    assert expected <= {name for name, _ in here_heard}
                for watcher in (near, far):
                    await watcher.until(lambda one: len(one.named("attempt.chat_message.completed")) == 4)
                ours, theirs = (sorted(watcher.events, key=lambda event: event["id"]) for watcher in (near, far))
                assert ours == theirs, "ids and times, too"

    asyncio.run(story())


def test_a_call_is_heard_at_the_other_gateway(pair: Twins) -> None:
    async def story() -> None:
        chat = await asyncio.to_thread(started, pair.one)
        async with at(pair.two) as there, open_call(pair.one.url, Call(chat), token=TOKEN) as caller:
            await there.ask("attempt_join", chat_id=chat)
            await there.until("attempt_joined", chat_id=chat)
            await caller.type_text("Why is the train late?")
            await there.until("attempt_user_complete", content="Why is the train late?")
            await there.until("attempt_assistant_delta")
            await caller.hang_up()
            await there.until("attempt_audio_ended")

    asyncio.run(story())


def test_without_its_server_calls_go_on_and_watchers_are_told(pair: Twins) -> None:
    async def story() -> None:
        chat = await asyncio.to_thread(started, pair.one)
        async with (
            open_call(pair.one.url, Call(chat), token=TOKEN) as caller,
            at(pair.two) as there,
            asyncio.TaskGroup() as tasks,
        ):
            with watching(tasks, pair.two) as watcher:
                await begun(watcher)
                await there.ask("attempt_join", chat_id=chat)
                with pair.bus_away():
                    await watcher.until(lambda one: one.ended)
                    assert watcher.comments[-1] == ": too far behind; connect again"
                    if pair.keeps_its_database:
                        await caller.type_text("Still there?")
                        message = await caller.next("user.message")
                        await caller.next("reply.audio", turn=message["turn"])
                back_at = asyncio.get_running_loop().time()
                await heard_again(caller, there)
                assert asyncio.get_running_loop().time() - back_at < BACK_S
            with watching(tasks, pair.two) as again:
                await begun(again)
                await caller.type_text("And now?")
                await again.until(lambda one: one.named("attempt_user_complete"))
            await caller.hang_up()
            assert caller.reconnects == 0

    asyncio.run(story())


async def heard_again(caller: Any, there: Socket) -> None:
    """Until something that is typed at one gateway is heard at the other."""
    number = 0
    while not any("again" in str(payload.get("content")) for payload in there.of("attempt_user_complete")):
        number += 1
        await caller.type_text(f"again {number}")
        await caller.next("user.message")
        await asyncio.sleep(0.2)
