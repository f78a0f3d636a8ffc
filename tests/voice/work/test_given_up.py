"""What is reported of work that is given up."""

import asyncio
from threading import Event

import pytest

from voice.errors import EngineBusy
from voice.work.fair_queue import Priority
from voice.work.workers import ThreadWorkers


def test_work_that_is_refused_or_given_up_is_reported_and_done_work_is_not() -> None:
    async def story() -> None:
        workers = ThreadWorkers(threads=1, queue_limit=2)
        dropped: list[Priority] = []
        workers.observe_drops(dropped.append)
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
        assert dropped == [Priority.PARTIAL]
        finals = [workers.submit(lambda _: 4, call="c", priority=Priority.FINAL) for _ in range(2)]
        with pytest.raises(EngineBusy):
            await evicted
        with pytest.raises(EngineBusy):
            await workers.submit(lambda _: 5, call="d", priority=Priority.PARTIAL)
        assert dropped == [Priority.PARTIAL] * 3
        go_on.set()
        assert await asyncio.gather(first, *finals) == [1, 4, 4]
        assert len(dropped) == 3
        await workers.close()

    asyncio.run(story())
