"""Callers through deploys, kills and frozen gateways: nothing that was acknowledged is lost, and nobody hangs up."""

import asyncio
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from api.client.http import RemoteService
from models.records.core import Message
from models.store import Store
from tests.scale import two_processes
from tests.scale.balancer import balanced
from tests.scale.callers import PATIENCE_S, Caller, callers, checked, ended, further_words
from tests.scale.sizes import CALLERS, FROZEN_S, INSTANTS, LOADED, SEEDS, shown
from tests.scale.twins import ask, ok
from tests.servers.process import TOKEN, ServiceProcess
from tests.service import Client, http

pytestmark = pytest.mark.slow

two = two_processes.two

MISSING_MS = 1200.0
"""So much of a reply that was heard may be missing in the history after its gateway was killed."""

BACK_S = 8.0
"""Within so many seconds the callers of a killed gateway are back at the other one."""

Gateways = list[ServiceProcess]


def urls(two: Gateways) -> list[str]:
    return [gateway.url for gateway in two]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rolling_restart_is_heard_by_nobody(two: Gateways, seed: int) -> None:
    async def story() -> list[Caller]:
        chance = random.Random(seed)
        async with balanced(urls(two)) as balancer, callers(balancer.url, CALLERS, waits_for_end=True) as made:
            for instant in range(INSTANTS):
                await chance.choice(made).until_heard(chance.randrange(1, 60))
                assert await ended(two[instant % 2], signal.SIGTERM) == 0
            await further_words(made, 1)
        return made

    made = asyncio.run(story())
    checked(two[0].url, made)
    replies = [event for caller in made for event in caller.client.log if event.type == "reply.ended"]
    assert [event for event in replies if event["interrupted"]] == [], "everybody is heard out"
    gaps = sorted(gap for caller in made for gap in caller.gaps_s())
    assert gaps, "somebody had to move"
    words = sum(len(caller.acknowledged) for caller in made)
    shown(
        f"{INSTANTS} restarts: {len(gaps)} moves of {len(made)} calls, {words} words stored once, "
        f"{len(replies)} replies uncut; gap median {gaps[len(gaps) // 2]:.2f} s, "
        f"95th percentile {gaps[len(gaps) * 95 // 100]:.2f} s, longest {gaps[-1]:.2f} s"
    )
    for gateway in two:
        assert "Traceback" not in gateway.log()


async def histories(gateway: ServiceProcess, made: list[Caller]) -> dict[str, Message]:
    """All messages of the callers' chats as they are stored, by their ids."""
    async with Store(gateway.database_url) as store:
        return {message.id: message for caller in made for message in await store.messages(caller.chat)}


def missing_ms(caller: Caller, killed_at: float, stored: dict[str, Message]) -> list[float]:
    """Of each reply that was being said to a caller at the kill, how much of what was heard is in no history."""
    finished = {
        event["message_id"] for event in caller.client.log if event.type == "reply.ended" and event.at < killed_at
    }
    cut = {name: ms for name, ms in caller.played_ms(killed_at).items() if ms > 0 and name not in finished}
    told = {event["message_id"]: event for event in caller.client.log if event.type == "reply.ended"}
    for name in cut:
        assert stored[name].text == told[name]["heard"], "the caller is told what the history has"
        assert (stored[name].full_text or stored[name].text).startswith(stored[name].text)
    return [ms - (stored[name].heard_ms or 0) for name, ms in cut.items()]


def test_a_killed_gateway_loses_nothing_that_was_acknowledged(two: Gateways) -> None:
    async def story() -> tuple[list[Caller], list[float], list[float]]:
        async with balanced(urls(two)) as balancer, callers(balancer.url, CALLERS, waits_for_end=True) as made:
            await further_words(made, 1)
            chance, loop = random.Random(23), asyncio.get_running_loop()
            await chance.choice(made).until_heard(chance.randrange(20, 60))
            before = [caller.client.reconnects for caller in made]
            killed_at = loop.time()
            two[0].send(signal.SIGKILL)
            for caller in made:
                caller.waits_for_end = False
            await asyncio.to_thread(two[0].ended)
            await further_words(made, 2)
            moved = [caller for caller, were in zip(made, before, strict=True) if caller.client.reconnects > were]
            assert moved, "the killed one had calls"
            back = [
                next(event.at for event in caller.client.log if event.type == "chat_voice" and event.at > killed_at)
                for caller in moved
            ]
            await asyncio.to_thread(two[0].start)
        stored = await histories(two[0], made)
        missing = [ms for caller in moved for ms in missing_ms(caller, killed_at, stored)]
        return made, sorted(at - killed_at for at in back), sorted(missing)

    made, back_s, missing = asyncio.run(story())
    checked(two[0].url, made)
    assert back_s[-1] < BACK_S * LOADED
    assert missing, "somebody was listening"
    assert missing[-1] < MISSING_MS * LOADED
    shown(
        f"{len(back_s)} of {len(made)} calls back after {back_s[0]:.1f} to {back_s[-1]:.1f} s; "
        f"of what was heard of {len(missing)} replies that were being said, "
        f"{max(0, missing[len(missing) // 2]):.0f} ms are missing in the median, {max(0, missing[-1]):.0f} ms at most"
    )


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


def holds_the_database(gateway: ServiceProcess) -> bool:
    """Whether a gateway that is frozen was in the middle of a write to SQLite, for which all others have to wait."""
    if not gateway.database_url.startswith("sqlite"):
        return False
    with closing(sqlite3.connect(gateway.database_url.partition("///")[2], timeout=2, isolation_level=None)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
            probe.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


@contextmanager
def frozen(gateway: ServiceProcess) -> Iterator[None]:
    """A gateway does nothing at all for as long as the block lasts; it is not stopped in the middle of a write."""
    gateway.send(signal.SIGSTOP)
    try:
        while holds_the_database(gateway):
            gateway.send(signal.SIGCONT)
            gateway.send(signal.SIGSTOP)
        yield
    finally:
        gateway.send(signal.SIGCONT)


def test_a_gateway_that_was_frozen_writes_nothing_any_more(two: Gateways) -> None:
    async def story() -> tuple[str, list[str]]:
        loop, words = asyncio.get_running_loop(), ["code word 1"]
        with RemoteService(two[0].url, TOKEN) as remote:
            chat = (await asyncio.to_thread(remote.start_named, "The worried parent"))[1]

        async def tell(client: Client) -> None:
            words.append(f"code word {len(words) + 1}")
            await client.send("chat_message", text=words[-1])
            assert (await client.until("user.message", text=words[-1]))["turn"] == len(words)

        async with AsyncExitStack() as stack:
            old = await stack.enter_async_context(line(two[0]))
            await old.open(chat)
            await old.send("chat_message", text=words[0])
            await old.until("user.message")
            await old.until("reply.audio", turn=1)
            with frozen(two[0]):
                frozen_at = loop.time()
                await old.send("chat_message", text="said to the frozen one")
                new = await resumed(stack, two[1], chat, old.ready["resume"])
                taken_s = loop.time() - frozen_at
                assert new.ready["conversation_id"] == old.ready["conversation_id"]
                await tell(new)
                while loop.time() < frozen_at + FROZEN_S:
                    await new.until("reply.ended", turn=len(words))
                    await tell(new)
                frozen_s = loop.time() - frozen_at
            # It finds by itself that it was taken for gone, or first that it was asked to release the call.
            assert await old.until_closed() == (1008 if old.of("error", code="taken_over") else 1012)
            assert old.of("error", code="taken_over") or old.of("restarting")
            await tell(new)
            await new.hang_up()
        shown(f"frozen for {frozen_s:.1f} s, its call at the other after {taken_s:.1f} s")
        return chat, words

    chat, words = asyncio.run(story())
    for gateway in two:
        with RemoteService(gateway.url, TOKEN) as remote:
            stored = [message.text for message in remote.messages(chat) if not message.is_persona]
        assert stored == words


def test_who_drains_ends_each_call_by_itself(two: Gateways) -> None:
    """A call that ends while its gateway drains takes nothing from the other calls there, nor from its own chat."""

    async def story() -> tuple[list[str], int]:
        with RemoteService(two[0].url, TOKEN) as remote:
            chats = [(await asyncio.to_thread(remote.start_named, "The worried parent"))[1] for _ in range(2)]
        async with AsyncExitStack() as stack, line(two[0]) as first, line(two[0]) as second:
            for client, chat in zip((first, second), chats, strict=True):
                await client.open(chat)
                await client.send("chat_message", text="code word 1")
                await client.until("reply.audio", turn=1)
            two[0].send(signal.SIGTERM)
            await first.send("chat_silence")
            assert (await first.until("chat_silence"))["reason"] == "caller"
            while (await asyncio.to_thread(http.get, f"{two[0].url}/ready")).json()["state"] != "draining":
                pass
            with pytest.raises(InvalidStatus) as refused:  # of which a proxy tries the other gateway
                await stack.enter_async_context(line(two[0]))
            assert refused.value.response.status_code == 503
            # Whoever else is in the first one's chat is answered in writing.
            asked = {"chat_id": chats[0], "text": "code word 2", "wait_for_complete": True}
            ok(await asyncio.to_thread(ask, two[0], "/attempt/chat_message", **asked))
            second.hurries = True
            assert not (await second.until("reply.ended"))["interrupted"], "she finishes her sentence"
            await second.until("restarting")
            assert await second.until_closed() == 1012
            status = await asyncio.to_thread(two[0].ended)
            await asyncio.to_thread(two[0].start)
            return chats, status

    chats, status = asyncio.run(story())
    assert status == 0
    with RemoteService(two[1].url, TOKEN) as remote:
        lines = [(message.is_persona, bool(message.text)) for message in remote.messages(chats[0])]
    assert lines == [(False, True), (True, True)] * 2
