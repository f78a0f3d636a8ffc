"""A dropped line: the call waits, tells what was missed, and says again what nobody heard."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from api.doors.line import Patience
from tests.service import Client, RunningService, http, quiet, running, unhearing
from tests.voice.sound import encoded, recording

QUESTION = "Hello, this is the records office. How can I help you?"


async def asked(client: Client) -> None:
    await client.send("chat_message", text=QUESTION)
    await client.until("reply.audio")


async def left(service: RunningService, chat: str) -> None:
    """Wait until the service has noticed that the line is down."""
    user = service.ask(lambda inside: inside.store.user_by_name)
    ada = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(user("ada"), service.loop))
    await service.until(lambda inside: not inside.calls.find(ada.id, chat_id=chat).attended)


async def emptied(service: RunningService) -> None:
    """Wait until no call is left."""
    await service.until(lambda inside: not len(inside.calls))


@pytest.mark.slow
def test_a_reply_goes_on_from_what_was_played(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat, hurries=True, output={"rate": 16_000}) as client:
            await asked(client)
            await client.played_to(1, 1_000)
            client.hurries = False
            played = client.pieces[-1].announced
            played_ms = played["at_ms"] + played["duration_ms"]
            await client.played_to(1, played_ms + 150)  # sent, and never heard
            token = client.ready["resume"]
            client.drop()
        await left(service, chat)
        async with service.connection() as again:
            again.hurries = True
            ready = await again.open(chat, resume=token)
            assert ready["conversation_id"] == client.ready["conversation_id"]
            assert ready["resume"] == token
            assert ready["output"] == {"encoding": "pcm16", "rate": 16_000}, "as it was asked for"
            ended = await again.until("reply.ended")
            assert not ended["interrupted"]
            first = again.pieces[0].announced
            assert first["turn"] == 1
            assert played_ms - 120 <= first["at_ms"] <= played_ms, "from what the client said it had played"
            heard_before = "".join(p.announced["text"] for p in client.pieces if p.announced["at_ms"] < first["at_ms"])
            heard_after = "".join(piece.announced["text"] for piece in again.pieces)
            assert heard_before + heard_after == ended["text"]
            await again.hang_up()
        assert service.lines(chat)[-1] == ("response", ended["text"])

    asyncio.run(story())


def test_an_utterance_goes_on(service: RunningService) -> None:
    chat, line = service.chat(), recording("rms/turns/13")

    async def story() -> None:
        async with service.call(chat, turns="manual") as client:
            await client.hear(np.concatenate([quiet(200), line[:16_000]]))
            await client.raw(b"\x07")  # half a sample, the other half is lost
            await client.until("user.started")
            token = client.ready["resume"]
            client.drop()
        await left(service, chat)
        async with service.call(chat, resume=token) as client:
            await client.hear(np.concatenate([line[16_000:], quiet(100)]))
            await client.send("commit")
            assert (await client.until("user.message"))["text"] == "can you repeat that please"
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.slow
def test_what_happened_meanwhile_is_told(service: RunningService) -> None:
    """The utterance ends because no frames come; its message and the reply's beginning wait for the client."""
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as client:
            await client.hear(np.concatenate([quiet(200), recording("rms/turns/13")]))
            await client.until("user.started")
            token = client.ready["resume"]
            client.drop()
        await left(service, chat)
        await stored(service, chat)
        async with service.call(chat, resume=token) as client:
            assert (await client.until("user.ended"))["reason"] == "silence"
            assert (await client.until("user.message"))["text"] == "can you repeat that please"
            await client.until("reply.started")
            first = await client.until("reply.audio")
            assert first["at_ms"] == 0, "nothing of it was said to nobody"
            await client.hang_up()

    asyncio.run(story())


def test_a_resume_takes_the_call_from_a_line_that_seems_alive(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as dead, service.call(chat, resume=dead.ready["resume"]) as alive:
            error = await dead.until("error")
            assert (error["code"], error["fatal"]) == ("taken_over", True)
            assert await dead.until_closed() == 1008
            await alive.send("ping")
            await alive.until("pong")
            await alive.hang_up()

    asyncio.run(story())


def test_a_call_that_nobody_comes_back_to_ends(tmp_path: Path) -> None:
    with unhearing(tmp_path, resume_s=0.05) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await asked(client)
                await client.played_to(1, 700)
                token = client.ready["resume"]
                client.drop()
            await emptied(service)
            async with service.connection() as late:
                await late.send("chat_voice", chat_id=chat, resume=token)
                error = await late.until("error")
                assert (error["code"], error["fatal"]) == ("not_found", True)
                assert "open a new one without `resume`" in error["message"]
            _, answer = service.history(chat)
            assert answer["interrupted"]
            assert answer["full_text"].startswith(answer["contents"][0]["content"])

        asyncio.run(story())


def test_a_call_in_which_nothing_happens_ends(tmp_path: Path) -> None:
    with unhearing(tmp_path, idle_s=0.6) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat) as silent:
                error = await silent.until("error")
                assert (error["code"], error["fatal"]) == ("idle", False)
                await silent.until("chat_silence")
                assert await silent.until_closed() == 1000

        asyncio.run(story())


@pytest.mark.slow
def test_a_client_that_does_not_read_is_let_go_and_may_come_back(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        chat = service.chat()
        service.app.state.patience = Patience(send_s=0.2, outbox=50)
        service.narrow()

        async def story() -> None:
            line = socket.socket()
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            line.connect(("127.0.0.1", int(service.url.rpartition(":")[2])))
            line.setblocking(False)
            async with service.connection(sock=line) as client:
                token = (await client.open(chat))["resume"]
                # Each error waits for a reader: in the end there are more of them than the line and the outbox hold.
                client.socket.transport.pause_reading()
                flood = asyncio.create_task(flooded(client))
                await left(service, chat)
                flood.cancel()
                await asyncio.gather(flood, return_exceptions=True)
                client.socket.transport.resume_reading()
                code = await client.until_closed()
                assert code in (1006, 1012)
            service.app.state.patience = Patience()
            async with service.call(chat, resume=token) as again:
                await again.send("chat_message", text=QUESTION)
                await again.until("reply.audio")
                await again.hang_up()

        asyncio.run(story())


async def stored(service: RunningService, chat: str) -> None:
    """Wait until the chat has a message."""

    def looked() -> None:
        while not service.history(chat):
            pass

    await asyncio.to_thread(looked)


async def flooded(client: Client) -> None:
    while True:
        await client.send("unknown", padding="x" * 100)


@pytest.mark.slow
def test_fifty_dropped_calls_leave_nothing(tmp_path: Path) -> None:
    with running(tmp_path, resume_s=0.05) as service:
        chats = [service.chat() for _ in range(10)]

        def count() -> tuple[int, int]:
            decoders = [thread.name for thread in threading.enumerate() if thread.name.startswith("decode-")]
            return len(asyncio.all_tasks()), len(decoders)

        async def one(number: int, chat: str) -> None:
            container = {"encoding": "container"} if number % 2 else {"encoding": "pcm16"}
            async with service.call(chat, input=container) as client:
                if number % 5 == 0:
                    await asked(client)
                await client.raw(ogg if number % 2 else quiet(300).tobytes())
                client.drop()

        async def story() -> None:
            await asyncio.gather(*(one(number, chat) for number, chat in enumerate(chats)))
            await emptied(service)
            await service.until(lambda _: not count()[1])
            before = service.ask(lambda _: count())
            for _ in range(5):
                await asyncio.gather(*(one(number, chat) for number, chat in enumerate(chats)))
                await emptied(service)
            await service.until(lambda _: count() <= before)

        ogg = encoded(recording("rms/turns/07"), "ogg", "libopus", 48_000)[:3_000]
        asyncio.run(story())


@pytest.mark.slow
def test_a_call_outlasts_its_process(tmp_path: Path) -> None:
    async def until_restarted(service: RunningService, chat: str, other: str) -> dict[str, Any]:
        async with service.call(chat, turns="manual", hurries=True, output={"rate": 16_000}) as client:
            await asked(client)
            draining = asyncio.run_coroutine_threadsafe(service.inside.calls.drain(100.0), service.loop)
            restarting = await client.until("restarting")
            assert restarting == {"type": "restarting", "resume": client.ready["resume"], "after_ms": 0}
            assert await client.until_closed() == 1012
            (ended,) = client.of("reply.ended")
            assert not ended["interrupted"]
            await asyncio.wrap_future(draining)
            ready = await asyncio.to_thread(http.get, f"{service.url}/ready")
            assert (ready.status_code, ready.json()["ready"]) == (503, False)
            for opening in ({"chat_id": other}, {"chat_id": chat, "resume": client.ready["resume"]}):
                async with service.connection() as late:
                    await late.send("chat_voice", **opening)
                    assert (await late.until("error"))["code"] == "busy"
                    assert await late.until_closed() == 1013
            return client.ready

    async def afterwards(service: RunningService, chat: str, before: dict[str, Any]) -> None:
        async with service.call(chat, resume=before["resume"], hurries=True) as client:
            assert {**client.ready} == {**before}, "the formats, too"
            await client.hear(recording("rms/turns/13"))
            await client.send("commit")
            assert (await client.until("user.message"))["turn"] == 2, "turns are manual as before"
            await client.hang_up()
        async with service.connection() as late:
            await late.send("chat_voice", chat_id=chat, resume=before["resume"])
            assert (await late.until("error"))["code"] == "not_found", "it is over now"

    with unhearing(tmp_path) as service:
        chat = service.chat()
        before = asyncio.run(until_restarted(service, chat, service.chat()))
    with unhearing(tmp_path) as service:
        asyncio.run(afterwards(service, chat, before))
        assert [kind for kind, _ in service.lines(chat)][:3] == ["query", "response", "query"]
