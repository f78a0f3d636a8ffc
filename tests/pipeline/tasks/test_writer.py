"""The queue of writes while the store is away: in order, told once, each done in the end or told to be lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from models.errors import NotFound, StorageFailed
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.writer import LONGEST_RETRY_S, WAITING_LIMIT, StorageBehind, Writer


class Notebook:
    """What was written, when the store is there only from a certain time on."""

    def __init__(self, back_at: float) -> None:
        self.back_at = back_at
        self.written: list[str] = []
        self.failures: list[Exception] = []

    def write(self, word: str) -> Callable[[], Awaitable[None]]:
        async def written() -> None:
            if asyncio.get_running_loop().time() < self.back_at:
                raise StorageFailed("away")
            if word == "unknown":
                raise NotFound("no such chat")
            self.written.append(word)

        return written


async def at_work(writer: Writer, notebook: Notebook) -> asyncio.Task[None]:
    task = asyncio.create_task(writer.run(notebook.failures.append))
    await asyncio.sleep(0)
    return task


def test_what_waits_is_written_in_order_once_the_store_is_back() -> None:
    async def story() -> None:
        notebook, writer = Notebook(10.0), Writer(LoopClock())
        task = await at_work(writer, notebook)
        for word in ("one", "unknown", "two"):
            writer.put(notebook.write(word))
        assert await writer.drained()
        assert 10.0 <= asyncio.get_running_loop().time() <= 10.0 + LONGEST_RETRY_S
        assert notebook.written == ["one", "two"]
        assert [type(error) for error in notebook.failures] == [StorageFailed, NotFound], "the outage is told once"
        task.cancel()

    run_virtually(story())


def test_a_store_that_stays_away_is_not_waited_for_for_ever() -> None:
    async def story() -> None:
        notebook, writer = Notebook(1_000.0), Writer(LoopClock())
        task = await at_work(writer, notebook)
        writer.put(notebook.write("one"))
        await asyncio.sleep(0)
        for number in range(WAITING_LIMIT):
            writer.put(notebook.write(str(number)))
        with pytest.raises(StorageBehind):
            writer.put(notebook.write("too many"))
        assert not await writer.drained(30.0)
        assert asyncio.get_running_loop().time() == 30.0
        assert len(writer) == WAITING_LIMIT
        task.cancel()

    run_virtually(story())


def test_nobody_waits_for_a_write_that_waits_for_the_store() -> None:
    async def story() -> None:
        notebook, writer = Notebook(5.0), Writer(LoopClock())
        task = await at_work(writer, notebook)
        done = asyncio.get_running_loop().create_future()

        async def write() -> None:
            await notebook.write("one")()
            done.set_result(None)

        writer.put(write)
        await writer.settled(done)
        assert asyncio.get_running_loop().time() == 0
        assert not done.done()
        await writer.drained()
        assert done.done()
        await writer.settled(done)
        task.cancel()

    run_virtually(story())
