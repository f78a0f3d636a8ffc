"""Callers through deploys, kills and frozen gateways: nothing that was acknowledged is lost, and nobody hangs up."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from api.client.http import RemoteService
from tests.scale.balancer import Balancer, balanced
from tests.scale.callers import PATIENCE_S, Caller, callers, checked, gateways
from tests.servers.postgres import postgres_running
from tests.servers.process import TOKEN, ServiceProcess
from tests.service import Client, Closed

pytestmark = pytest.mark.slow

CALLERS = 8
INSTANTS = 4
STORM = 40

Gateways = list[ServiceProcess]


def shown(sentence: str) -> None:
    """Tell what came out, to whom runs these tests with -s."""
    sys.stdout.write(f"\n{sentence}\n")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    folder = tmp_path_factory.mktemp("gateways")
    if request.param == "sqlite":
        with gateways(folder) as services:
            yield services
        return
    with postgres_running() as server, gateways(folder, database_url=server.new_database()) as services:
        yield services


def urls(two: Gateways) -> list[str]:
    return [gateway.url for gateway in two]


async def ended(gateway: ServiceProcess, number: signal.Signals) -> int:
    """Send a gateway a signal, wait for its end, and start it again; returns its exit status."""
    gateway.send(number)
    status = await asyncio.to_thread(gateway.ended)
    await asyncio.to_thread(gateway.start)
    return status


async def further_words(made: list[Caller], words: int) -> None:
    """Wait until everybody has said so many more words."""
    wanted = [len(caller.acknowledged) + words for caller in made]
    await asyncio.gather(*(caller.until_said(number) for caller, number in zip(made, wanted, strict=True)))


def test_a_rolling_restart_is_heard_by_nobody(two: Gateways) -> None:
    async def story() -> list[Caller]:
        chance = random.Random(17)
        async with balanced(urls(two)) as balancer, callers(balancer, CALLERS, waits_for_end=True) as made:
            for instant in range(INSTANTS):
                await chance.choice(made).until_heard(chance.randrange(1, 60))
                assert await ended(two[instant % 2], signal.SIGTERM) == 0
            await further_words(made, 1)
        return made

    made = asyncio.run(story())
    checked(two[0], made)
    replies = [event for caller in made for event in caller.client.log if event.type == "reply.ended"]
    assert [event for event in replies if event["interrupted"]] == [], "everybody is heard out"
    gaps = sorted(gap for caller in made for gap in caller.gaps_s())
    assert gaps, "somebody had to move"
    shown(
        f"{len(gaps)} moves of {len(made)} calls, {len(replies)} replies uncut; "
        f"gap median {gaps[len(gaps) // 2]:.2f} s, longest {gaps[-1]:.2f} s"
    )
    for gateway in two:
        assert "Traceback" not in gateway.log()


def test_a_killed_gateway_loses_nothing_that_was_acknowledged(two: Gateways) -> None:
    async def story() -> tuple[list[Caller], list[float]]:
        async with balanced(urls(two)) as balancer, callers(balancer, CALLERS) as made:
            await further_words(made, 2)
            loop = asyncio.get_running_loop()
            killed_at, before = loop.time(), [caller.client.reconnects for caller in made]
            two[0].send(signal.SIGKILL)
            await asyncio.to_thread(two[0].ended)
            await further_words(made, 2)
            moved = [caller for caller, were in zip(made, before, strict=True) if caller.client.reconnects > were]
            assert moved, "the killed one had calls"
            back = [
                next(event.at for event in caller.client.log if event.type == "chat_voice" and event.at > killed_at)
                for caller in moved
            ]
            await asyncio.to_thread(two[0].start)
            return made, [at - killed_at for at in back]

    made, back_s = asyncio.run(story())
    checked(two[0], made)
    assert max(back_s) < 60, "that of a loaded machine; 8 s on one that is not"
    shown(f"{len(back_s)} of {len(made)} calls back after {min(back_s):.1f} to {max(back_s):.1f} s")


@asynccontextmanager
async def line(gateway: ServiceProcess) -> AsyncIterator[Client]:
    """A connection to one gateway that has said nothing yet."""
    address = gateway.url.replace("http://", "ws://") + "/attempt/chat_voice"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with connect(address, additional_headers=headers, ping_interval=None, close_timeout=1, proxy=None) as socket:
        yield Client(socket)


async def resumed(stack: AsyncExitStack, gateway: ServiceProcess, chat: str, token: str) -> Client:
    """A line that goes on with a call as soon as the gateway has it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            client = await stack.enter_async_context(line(gateway))
            await client.send("chat_voice", chat_id=chat, resume=token)
            client.ready = await client.receive()
            if client.ready["type"] == "chat_voice":
                return client
            assert client.ready["code"] == "busy", client.ready
            await client.until_closed()


def test_a_gateway_that_was_frozen_writes_nothing_any_more(two: Gateways) -> None:
    async def story() -> str:
        with RemoteService(two[0].url, TOKEN) as remote:
            chat = (await asyncio.to_thread(remote.start_named, "The worried parent"))[1]
        async with AsyncExitStack() as stack:
            old = await stack.enter_async_context(line(two[0]))
            await old.open(chat)
            await old.send("chat_message", text="code word 1")
            await old.until("user.message")
            await old.until("reply.audio", turn=1)
            two[0].send(signal.SIGSTOP)
            try:
                await old.send("chat_message", text="said to the frozen one")
                new = await resumed(stack, two[1], chat, old.ready["resume"])
                assert new.ready["conversation_id"] == old.ready["conversation_id"]
                await new.send("chat_message", text="code word 2")
                assert (await new.until("user.message", text="code word 2"))["turn"] == 2
            finally:
                two[0].send(signal.SIGCONT)
            # It finds by itself that it was taken for gone, or first that it was asked to release the call.
            assert await old.until_closed() == (1008 if old.of("error", code="taken_over") else 1012)
            assert old.of("error", code="taken_over") or old.of("restarting")
            await new.send("chat_message", text="code word 3")
            assert (await new.until("user.message", text="code word 3"))["turn"] == 3
            await new.hang_up()
        return chat

    chat = asyncio.run(story())
    for gateway in two:
        with RemoteService(gateway.url, TOKEN) as remote:
            words = [message.text for message in remote.messages(chat) if not message.is_persona]
        assert words == ["code word 1", "code word 2", "code word 3"]


def test_all_connections_cut_at_once_come_back(two: Gateways) -> None:
    async def story() -> list[float]:
        loop = asyncio.get_running_loop()

        async def through(balancer: Balancer, stack: AsyncExitStack) -> Client:
            address = balancer.url.replace("http://", "ws://") + "/attempt/chat_voice"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            socket = await stack.enter_async_context(
                connect(address, additional_headers=headers, ping_interval=None, close_timeout=1, proxy=None)
            )
            return Client(socket)

        async def back(balancer: Balancer, stack: AsyncExitStack, chat: str, old: Client) -> Client:
            while True:
                try:
                    client = await through(balancer, stack)
                    await client.send("chat_voice", chat_id=chat, resume=old.ready["resume"])
                    client.ready = await client.receive()
                except (OSError, WebSocketException, Closed):
                    continue
                if client.ready["type"] == "chat_voice":
                    return client
                assert client.ready["code"] == "busy", client.ready

        async with balanced(urls(two)) as balancer, AsyncExitStack() as stack:
            with RemoteService(balancer.url, TOKEN) as remote:
                chats = [(await asyncio.to_thread(remote.start_named, "The worried parent"))[1] for _ in range(STORM)]
            lines = []
            for chat in chats:
                lines.append(await through(balancer, stack))
                await lines[-1].open(chat)
            assert balancer.cut() == STORM
            cut_at = loop.time()

            async def timed(chat: str, old: Client) -> tuple[Client, float]:
                return await back(balancer, stack, chat, old), loop.time() - cut_at

            async with asyncio.timeout(PATIENCE_S):
                came = await asyncio.gather(*(timed(*pair) for pair in zip(chats, lines, strict=True)))
            for (client, _), old in zip(came, lines, strict=True):
                assert client.ready["conversation_id"] == old.ready["conversation_id"]
                await client.send("chat_silence")
            return sorted(seconds for _, seconds in came)

    back_s = asyncio.run(story())
    shown(
        f"{len(back_s)} calls back after {back_s[0]:.1f} to {back_s[-1]:.1f} s, median {back_s[len(back_s) // 2]:.1f} s"
    )
    for gateway in two:
        assert "Traceback" not in gateway.log()


def test_who_drains_ends_each_call_by_itself(two: Gateways) -> None:
    """A call that ends while its gateway drains takes nothing from the other calls there."""

    async def story() -> tuple[list[str], int]:
        with RemoteService(two[0].url, TOKEN) as remote:
            chats = [(await asyncio.to_thread(remote.start_named, "The worried parent"))[1] for _ in range(2)]
        async with line(two[0]) as first, line(two[0]) as second:
            for client, chat in zip((first, second), chats, strict=True):
                await client.open(chat)
                await client.send("chat_message", text="code word 1")
                await client.until("reply.audio", turn=1)
            two[0].send(signal.SIGTERM)
            await first.send("chat_silence")
            assert (await first.until("chat_silence"))["reason"] == "caller"
            second.hurries = True
            assert not (await second.until("reply.ended"))["interrupted"], "she finishes her sentence"
            await second.until("restarting")
            assert await second.until_closed() == 1012
            status = await asyncio.to_thread(two[0].ended)
            await asyncio.to_thread(two[0].start)
            return chats, status

    _, status = asyncio.run(story())
    assert status == 0
