"""Work of two processes on one store: in turn, followed, stopped, and noted as over when the store is back."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from models.errors import Conflict, StorageFailed
from models.records.jobs import Job
from models.store import Store
from pipeline.replay.steady_store import SteadyStore, counted_ids
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.background import Background
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.jobs import STOP_EVERY_S, STOPPED_S, TURN_S, Jobs
from tests.stores import database


def told(story: Callable[[Store, Store], Coroutine[Any, Any, None]]) -> None:
    """Tell a story of two processes, in virtual time."""

    async def run(one: Store, two: Store) -> None:
        for store in (one, two):
            await store.join()
        await story(one, two)

    with database() as url, SteadyStore(url) as first, SteadyStore(url) as second:
        second._store._new_id = counted_ids("second")
        run_virtually(run(first.store, second.store))


def job(ident: str, lock: str | None = "lesson") -> Job:
    return Job(ident, "turn", "ada", "chat", lock)


def test_turns_follow_one_another_and_who_waits_too_long_learns_it() -> None:
    async def story(one: Store, two: Store) -> None:
        first, second = Jobs(one, LoopClock()), Jobs(two, LoopClock())
        order: list[str] = []
        began, finish = asyncio.Event(), asyncio.Event()

        async def ours() -> None:
            async with first.doing(job("a")):
                order.append("a")
                began.set()
                await finish.wait()
                order.append("a is over")

        async def theirs() -> None:
            async with second.doing(job("b")):
                order.append("b")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(ours())
            await began.wait()
            tasks.create_task(theirs())
            await asyncio.sleep(10)
            assert order == ["a"]
            finish.set()
        assert order == ["a", "a is over", "b"]
        assert await first.begin(job("c")) is None
        loop = asyncio.get_running_loop()
        waited_from = loop.time()
        with pytest.raises(Conflict, match="in a moment"):
            await second.begin_in_turn(job("d"))
        assert TURN_S <= loop.time() - waited_from < TURN_S + 1

    told(story)


def test_a_stop_reaches_the_process_that_works_without_a_bus_and_with_one() -> None:
    class Bus:
        """Brings what one process says to the other."""

        def __init__(self) -> None:
            self.handlers: dict[str, Callable[[Any], None]] = {}
            self.others: Bus | None = None

        def tell(self, address: str, kind: str, body: Any) -> bool:
            assert self.others is not None
            self.others.handlers[kind](type("Message", (), {"body": body}))
            return True

        def on(self, kind: str, handler: Callable[[Any], None]) -> None:
            self.handlers[kind] = handler

    async def story(one: Store, two: Store) -> None:
        loop = asyncio.get_running_loop()
        for buses in ((None, None), (Bus(), Bus())):
            if buses[0] is not None and buses[1] is not None:
                buses[1].others = buses[0]
            async with Jobs(one, LoopClock(), buses[0]) as first, Jobs(two, LoopClock(), buses[1]) as second:
                stopped: list[float] = []

                async def end(stopped: list[float] = stopped, first: Jobs = first) -> None:
                    stopped.append(loop.time())
                    await first.end("a")

                ends: list[asyncio.Task[None]] = []
                await first.begin(job("a"), lambda end=end, ends=ends: ends.append(loop.create_task(end())))  # type: ignore[misc]
                asked_at = loop.time()
                await second.stop(await two.jobs("turn", "ada"))
                assert len(stopped) == len(ends) == 1
                assert stopped[0] - asked_at <= (STOP_EVERY_S + 0.1 if buses[0] is None else 0.1)
                await first.begin(job("a"))
                asked_at = loop.time()
                await second.stop_named("a")
                assert STOPPED_S <= loop.time() - asked_at < STOPPED_S + 1, "who does not stop is not waited for longer"
                await second.stop_named("unknown")
                await first.end("a")

    told(story)


def test_what_is_over_while_the_store_is_away_is_noted_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(one: Store, two: Store) -> None:
        async with Jobs(one, LoopClock()) as first:
            await first.begin(job("a"))

            async def away(_: Store, __: str) -> None:
                raise StorageFailed("away")

            with monkeypatch.context() as patched:
                patched.setattr(Store, "end_job", away)
                await first.end("a")
                await asyncio.sleep(2 * STOP_EVERY_S)
                assert await two.job("a") is not None
            await asyncio.sleep(2 * STOP_EVERY_S)
            assert await two.job("a") is None

    told(story)


def test_a_task_in_the_background_is_waited_for_and_cancelled_from_another_process() -> None:
    async def story(one: Store, two: Store) -> None:
        async with AsyncExitStack() as stack:
            ours, theirs = [await stack.enter_async_context(Jobs(store, LoopClock())) for store in (one, two)]
            here, there = [await stack.enter_async_context(Background(None, jobs)) for jobs in (ours, theirs)]
            cancelled, finish = asyncio.Event(), asyncio.Event()

            async def work() -> None:
                try:
                    await finish.wait()
                except asyncio.CancelledError:
                    cancelled.set()
                    raise

            here.start("work", work(), job("", None))
            await asyncio.sleep(1)
            waiting = asyncio.create_task(there.finished("work"))
            await asyncio.sleep(5)
            assert not waiting.done()
            finish.set()
            await waiting
            finish.clear()
            here.start("work", work(), job("", None))
            await asyncio.sleep(1)
            await there.cancel("work")
            assert cancelled.is_set()
            await there.finished("work")
            assert await two.job("work") is None
            assert await one.jobs("turn", "ada") == []

    told(story)
