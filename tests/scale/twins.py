"""Two gateways of one service, each a process of its own, on one PostgreSQL and one bus."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx

from tests.servers.postgres import postgres_running
from tests.servers.process import TOKEN, WAIT_S, ServiceProcess, service_process
from tests.servers.redis import redis_running
from tests.service import http

BusKind = Literal["pg", "redis", "none"]

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Twins:
    """Two running gateways, and the server of their bus.

    Attributes:
        one, two: the gateways.
        bus_server: takes the bus's server away for as long as a block lasts.
        keeps_its_database: the database is another server than that of the bus.
        database_url: what opens their store.
    """

    one: ServiceProcess
    two: ServiceProcess
    bus_server: Any
    keeps_its_database: bool
    database_url: str

    def bus_away(self) -> AbstractContextManager[None]:
        """The bus's server is killed for as long as the block lasts."""
        away: AbstractContextManager[None] = self.bus_server.away()
        return away


@contextmanager
def twins(folder: Path, bus: BusKind, **chosen: str) -> Iterator[Twins]:
    """Two gateways with PostgreSQL; their bus is PostgreSQL's, a Redis, or none."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_running())
        url, server = {"pg": "pg", "none": ""}.get(bus), postgres
        if url is None:
            server = stack.enter_context(redis_running())  # type: ignore[assignment]
            url = server.url  # type: ignore[attr-defined]
        settings = {"database_url": postgres.new_database(), "bus_url": url, **chosen}
        folders = [folder / name for name in ("one", "two")]
        for each in folders:
            each.mkdir()
        one, two = (stack.enter_context(service_process(each, **settings)) for each in folders)
        yield Twins(one, two, server, bus == "redis", settings["database_url"])


def ask(gateway: ServiceProcess, path: str, **body: Any) -> httpx.Response:
    """Ask over HTTP, as ada."""
    return http.post(f"{gateway.url}{path}", json=body, headers=HEADERS)


def ok(answer: httpx.Response) -> dict[str, Any]:
    """The body of a successful answer."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def started(gateway: ServiceProcess) -> str:
    """A new chat."""
    practice = ok(ask(gateway, "/practice/search"))["practices"][0]["practice_id"]
    return str(ok(ask(gateway, "/attempt/start", practice_id=practice))["chat_id"])


@dataclass
class Watcher:
    """`GET /attempt/watch` at one gateway.

    Attributes:
        events: what has come.
        comments: the comments between the events; the last is why it ended, if it has.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    ended: bool = False
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self, url: str) -> None:
        """Read until it ends."""
        async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as client:  # noqa: SIM117
            async with client.stream("GET", f"{url}/attempt/watch", headers=HEADERS) as answer:
                async for line in answer.aiter_lines():
                    if line:
                        await self._take(line)
        async with self._news:
            self.ended = True
            self._news.notify_all()

    async def _take(self, line: str) -> None:
        async with self._news:
            if line.startswith(":"):
                self.comments.append(line)
            else:
                self.events.append(json.loads(line.removeprefix("data: ")))
            self._news.notify_all()

    async def until(self, condition: Any) -> None:
        """Wait until something is so, looking again after every event."""
        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: condition(self))

    def named(self, name: str) -> list[dict[str, Any]]:
        """The events of a name."""
        return [event for event in self.events if event["event_type"] == name]


@contextmanager
def watching(tasks: asyncio.TaskGroup, gateway: ServiceProcess) -> Iterator[Watcher]:
    """Watch at a gateway, in a task that ends with the block."""
    watcher = Watcher()
    reading = tasks.create_task(watcher.read(gateway.url))
    try:
        yield watcher
    finally:
        reading.cancel()


def at_once(*asked: Any) -> list[Any]:
    """Call all of these at once, each in a thread; return what they return."""
    with ThreadPoolExecutor(len(asked)) as threads:
        return [future.result(WAIT_S) for future in [threads.submit(one) for one in asked]]
