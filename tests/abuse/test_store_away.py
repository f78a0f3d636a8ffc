"""The database killed under the service, and its disk full: calls go on, requests are told when to come again."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.disk import full_disk
from tests.servers.postgres import Postgres, postgres_running
from tests.service import Client, RunningService, http, unhearing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_running() as server:
        yield server


class Log(logging.Handler):
    """The lines that the service logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def the_log() -> Iterator[list[str]]:
    log = Log()
    logging.getLogger().addHandler(log)
    try:
        yield log.lines
    finally:
        logging.getLogger().removeHandler(log)


async def said(client: Client, turn: int) -> None:
    """Say something, and hear the persona begin to answer."""
    await client.say("rms/turns/13")
    await client.until("reply.audio", turn=turn)


def refused(service: RunningService) -> None:
    """Every door says that the database is away, and when to come again."""
    for path, body in (("/attempt/start", {"practice_id": "x"}), ("/practice/search", {})):
        answer = service.post(path, body)
        assert answer.status_code == 503, (path, answer.text)
        assert int(answer.headers["Retry-After"]) > 0
        assert "try again" in answer.json()["detail"]
    ready = http.get(f"{service.url}/ready")
    assert (ready.status_code, ready.json()["database"]) == (503, "away")
    assert "Retry-After" in ready.headers


def test_postgres_killed_under_calls(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    with unhearing(tmp_path, database_url=url) as service:
        chat, other = service.chat(), service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await said(client, 1)
                await client.until("reply.ended", turn=1)
                with postgres.away():
                    await said(client, 2)
                    await client.send("chat_message", text="Are you still there?")
                    await client.until("reply.audio", turn=3)
                    await asyncio.to_thread(refused, service)
                    async with service.connection() as late:
                        await late.send("chat_voice", chat_id=other)
                        error = await late.until("error")
                        assert (error["code"], error["fatal"]) == ("storage_failed", True)
                        assert await late.until_closed() == 1013
                assert [(event["code"], event["fatal"]) for event in client.of("error")] == [("storage_failed", False)]
                await client.until("reply.ended", turn=3)
                assert [event["turn"] for event in client.of("user.message")] == [1, 2, 3]
                assert (await asyncio.to_thread(http.get, f"{service.url}/ready")).status_code == 200
                await client.hang_up()
            messages = await asyncio.to_thread(service.history, chat)
            assert [message["type"] for message in messages] == ["query", "response"] * 3

        with the_log() as lines:
            asyncio.run(story())
        assert [line.partition(": ")[0] for line in lines] == ["The database is away", "The database is back."], lines


def test_one_process_takes_no_more_connections_than_it_may(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database()
    with unhearing(tmp_path, database_url=url, database_connections=4) as service:
        with ThreadPoolExecutor(40) as asking:
            answers = list(asking.map(lambda _: service.post("/practice/search", {}).status_code, range(120)))
        assert set(answers) == {200}
        assert 1 <= postgres.connections(url) <= 4


def test_a_full_disk(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await said(client, 1)
                await client.until("reply.ended", turn=1)
                with full_disk(tmp_path / "glow.db-wal"):
                    await said(client, 2)
                    answer = await asyncio.to_thread(service.post, "/practice/search", {})
                    assert answer.status_code == 200, "it can still be read"
                    started = {"practice_id": await asyncio.to_thread(service.practice, "The worried parent")}
                    answer = await asyncio.to_thread(service.post, "/attempt/start", started)
                    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
                    ready = await asyncio.to_thread(http.get, f"{service.url}/ready")
                    assert (ready.status_code, ready.json()["database"]) == (503, "away")
                await client.until("reply.ended", turn=2)
                assert [event["code"] for event in client.of("error")] == ["storage_failed"]
                assert (await asyncio.to_thread(http.get, f"{service.url}/ready")).status_code == 200
                await client.hang_up()

        asyncio.run(story())
        assert not list(tmp_path.rglob("*.part"))
