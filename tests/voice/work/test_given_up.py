"""What is reported of work that is given up."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest

from voice.errors import Cancelled, EngineBusy
from voice.work.fair_queue import Dropped, Priority
from voice.work.workers import ThreadWorkers


def test_work_that_is_refused_or_given_up_is_reported_and_done_work_is_not() -> None:
    async def story() -> None:
        workers = ThreadWorkers(threads=1, queue_limit=2)
        dropped: list[tuple[Priority, Dropped]] = []
        workers.observe_drops(lambda priority, reason: dropped.append((priority, reason)))
        begun, go_on = Event(), Event()

        def wait(_: object) -> int:
            begun.set()
            go_on.wait(100)
            return 1

        first = workers.submit(wait, call="a", priority=Priority.FINAL)
        await asyncio.to_thread(begun.wait, 100)
        given_up = workers.submit(lambda _: 2, call="a", priority=Priority.PARTIAL)
        evicted = workers.submit(lambda _: 3, call="b", priority=Priority.PARTIAL)
        given_up.cancel()
        await asyncio.sleep(0)
        assert dropped == [(Priority.PARTIAL, "unwanted")]
        finals = [workers.submit(lambda _: 4, call="c", priority=Priority.FINAL) for _ in range(2)]
        with pytest.raises(EngineBusy):
            await evicted
        with pytest.raises(EngineBusy):
            await workers.submit(lambda _: 5, call="d", priority=Priority.PARTIAL)
        assert dropped[1:] == [(Priority.PARTIAL, "refused")] * 2
        go_on.set()
        assert await asyncio.gather(first, *finals) == [1, 4, 4]
        assert len(dropped) == 3
        await workers.close()

    asyncio.run(story())


def test_work_that_gives_way_to_more_urgent_work_is_reported_once_and_cancelled_work_is_not_taken_for_it() -> None:
    async def story() -> None:
        workers = ThreadWorkers(threads=1)
        dropped: list[tuple[Priority, Dropped]] = []
        workers.observe_drops(lambda priority, reason: dropped.append((priority, reason)))
        begun, go_on = Event(), Event()

        def gives_way(_: object) -> int:
            raise Cancelled("The engine was wanted for a transcript.")

        def stops(cancelled: Callable[[], bool]) -> int:
            begun.set()
            go_on.wait(100)
            assert cancelled()
            raise Cancelled("The transcript is no longer wanted.")

        with pytest.raises(Cancelled):
            await workers.run(gives_way, call="a", priority=Priority.PARTIAL)
        assert dropped == [(Priority.PARTIAL, "gave_way")]
        unwanted = workers.submit(stops, call="a", priority=Priority.PARTIAL)
        await asyncio.to_thread(begun.wait, 100)
        unwanted.cancel()
        await asyncio.sleep(0)
        go_on.set()
        await workers.run(lambda _: 1, call="a", priority=Priority.PARTIAL)
        assert dropped[1:] == [(Priority.PARTIAL, "unwanted")]
        await workers.close()

    asyncio.run(story())
