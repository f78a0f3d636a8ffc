"""All connections are cut at once: every caller is back soon, and those that talk meanwhile do not notice."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from api.client.http import RemoteService
from api.client.voice import COMES_BACK
from tests.scale import two_processes
from tests.scale.balancer import balanced
from tests.scale.callers import PATIENCE_S
from tests.scale.sizes import LOADED, STORM, shown
from tests.servers.process import TOKEN, ServiceProcess
from tests.service import Client, Closed, http

pytestmark = pytest.mark.slow

two = two_processes.two

BACK_S = 15.0
"""Within so many seconds everybody is back."""

GROWTH_MIB = 50.0
"""By so much a gateway's memory may grow meanwhile."""

FRAME_S = 0.02
LIVE = 4
"""Callers who speak to a gateway directly, and are not cut."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Between two attempts of a client to resume, as of the product's."""

Gateways = list[ServiceProcess]


@asynccontextmanager
async def line(url: str) -> AsyncIterator[Client]:
    address = url.replace("http://", "ws://") + "/attempt/chat_voice"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with connect(
        address, additional_headers=headers, ping_interval=None, close_timeout=1, open_timeout=PATIENCE_S, proxy=None
    ) as socket:
        yield Client(socket)


@dataclass
class Live:
    """A caller whose microphone is on; a ping waits in the same queue as its frames, so its round trip is their lag.

    Attributes:
        lags_ms: of the frames.
        late_ms: how late the caller's own frames were.
    """

    client: Client
    lags_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)
    _pinged: list[float] = field(default_factory=list)

    async def speak(self) -> None:
        """Send a frame each 20 ms, and a ping with every fifth."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while True:
            due = began + number * FRAME_S
            await asyncio.sleep(due - loop.time())
            self.late_ms.append((loop.time() - due) * 1000)
            await self.client.socket.send(bytes(640))
            if number % 5 == 0:
                self._pinged.append(loop.time())
                await self.client.send("ping")
            number += 1

    async def listen(self) -> None:
        """Read all that comes."""
        loop = asyncio.get_running_loop()
        async for message in self.client.socket:
            if isinstance(message, str) and json.loads(message)["type"] == "pong":
                self.lags_ms.append((loop.time() - self._pinged.pop(0)) * 1000)


def p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def test_all_connections_cut_at_once_come_back(two: Gateways) -> None:
    refused: list[int] = []
    answers: list[int] = []
    later: list[str] = []
    peaks = [0.0, 0.0]
    over = asyncio.Event()

    async def back(url: str, stack: AsyncExitStack, chat: str, old: Client) -> Client:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                client = await stack.enter_async_context(line(url))
                await client.send("chat_voice", chat_id=chat, resume=old.ready["resume"])
                client.ready = await client.receive()
            except InvalidStatus as error:
                refused.append(error.response.status_code)
            except (OSError, WebSocketException, Closed):
                pass
            else:
                if client.ready["type"] == "chat_voice":
                    return client
                assert client.ready["code"] in COMES_BACK, client.ready
                later.append(client.ready["code"])
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)

    async def look() -> None:
        """Watch the gateways' memory, and ask them something."""
        while not over.is_set():
            for place, gateway in enumerate(two):
                peaks[place] = max(peaks[place], gateway.memory_mib())
                asked = {"url": f"{gateway.url}/practice/search", "headers": {"Authorization": f"Bearer {TOKEN}"}}
                answer = await asyncio.to_thread(http.post, json={}, **asked)  # type: ignore[arg-type]
                answers.append(answer.status_code)

    async def story() -> tuple[list[float], list[Live], list[float]]:
        loop = asyncio.get_running_loop()
        async with balanced([gateway.url for gateway in two]) as balancer, AsyncExitStack() as stack:
            with RemoteService(balancer.url, TOKEN) as remote:
                practice = (await asyncio.to_thread(remote.practices))["The worried parent"]
                chats = [await asyncio.to_thread(remote.start, practice) for _ in range(STORM + LIVE)]
            lines = []
            for chat in chats[:STORM]:
                lines.append(await stack.enter_async_context(line(balancer.url)))
                await lines[-1].open(chat)
            made = []
            for place, chat in enumerate(chats[STORM:]):
                client = await stack.enter_async_context(line(two[place % 2].url))
                await client.open(chat)
                made.append(Live(client))
            for one in made:  # before any frame: these wait for the message to be stored, storm or not
                await one.client.send("chat_message", text="Tell me a long story.")
                await one.client.until("reply.started")
            async with asyncio.TaskGroup() as tasks:
                live = [tasks.create_task(way) for one in made for way in (one.speak(), one.listen())]
                memory = [gateway.memory_mib() for gateway in two]
                tasks.create_task(look())
                assert balancer.cut() == STORM, [(one.socket.close_code, one.events) for one in lines]
                cut_at = loop.time()

                async def timed(chat: str, old: Client) -> tuple[Client, float]:
                    return await back(balancer.url, stack, chat, old), loop.time() - cut_at

                async with asyncio.timeout(PATIENCE_S):
                    came = await asyncio.gather(*(timed(*pair) for pair in zip(chats[:STORM], lines, strict=True)))
                over.set()
                for task in live:
                    task.cancel()
            for (client, _), old in zip(came, lines, strict=True):
                assert client.ready["conversation_id"] == old.ready["conversation_id"]
            for client in [client for client, _ in came] + [one.client for one in made]:
                await client.send("chat_silence")
            return sorted(seconds for _, seconds in came), made, memory

    back_s, made, memory = asyncio.run(story())
    lags, late = ([value for one in made for value in getattr(one, name)] for name in ("lags_ms", "late_ms"))
    grown = [peak - before for peak, before in zip(peaks, memory, strict=True)]
    shown(
        f"{len(back_s)} calls back after {back_s[0]:.1f} to {back_s[-1]:.1f} s, "
        f"median {back_s[len(back_s) // 2]:.1f} s; frames of {len(made)} calls lag {p99(lags):.0f} ms in the 99th "
        f"percentile (sent {p99(late):.0f} ms late); memory +{max(grown):.1f} MiB; {len(answers)} requests; "
        f"{len(later)} were told to come back a moment later"
    )
    assert not [status for status in refused if status >= 500]
    assert set(answers) == {200}
    assert max(grown) < GROWTH_MIB
    assert back_s[-1] < BACK_S * LOADED
    for gateway in two:
        assert "Traceback" not in gateway.log()
