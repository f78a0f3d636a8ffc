"""The workers: what runs first, what is refused, what cancelling does. The gates are events, never sleeps."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from voice.errors import Cancelled, EngineBusy, EngineUnavailable
from voice.work.cancellation import Cancelled as Asked
from voice.work.fair_queue import FairQueue, Work
from voice.work.serial_queue import SerialQueue
from voice.work.workers import BUFFER_ITEMS, InlineWorkers, Pressure, Priority, ThreadWorkers, Workers

FINAL, REPLY, PARTIAL, REQUEST = Priority.FINAL, Priority.REPLY, Priority.PARTIAL, Priority.REQUEST


class Gate:
    """A job that tells when it runs, in as many threads as it was given for, and ends when it is let."""

    def __init__(self, threads: int = 1) -> None:
        self.running = threading.Event()
        self.open = threading.Event()
        self.was_cancelled = False
        self._missing = threads
        self._counting = threading.Lock()

    def __call__(self, cancelled: Asked) -> str:
        with self._counting:
            self._missing -= 1
            if self._missing <= 0:
                self.running.set()
        self.open.wait()
        self.was_cancelled = cancelled()
        return "through"


@asynccontextmanager
async def busy_workers(threads: int = 1, queue_limit: int = 64) -> AsyncIterator[tuple[ThreadWorkers, Gate]]:
    """Workers whose every thread stands at a gate."""
    workers = ThreadWorkers(threads, queue_limit)
    gate = Gate(threads)
    standing = [workers.submit(gate, call="gate", priority=FINAL) for _ in range(threads)]
    await asyncio.to_thread(gate.running.wait)
    try:
        yield workers, gate
    finally:
        gate.open.set()
        await asyncio.gather(*standing, return_exceptions=True)
        await workers.close()


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(story(), 100)

    asyncio.run(main())


EVERY_DRIVER = pytest.mark.parametrize("make", [ThreadWorkers, InlineWorkers])


@EVERY_DRIVER
def test_a_result_and_an_error_come_back(make: Callable[[], Workers]) -> None:
    async def story() -> None:
        workers = make()
        assert await workers.run(lambda _: 42, call="a", priority=FINAL) == 42

        def fail(_: Asked) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await workers.run(fail, call="a", priority=FINAL)
        await workers.close()

    run(story)


@EVERY_DRIVER
def test_an_iteration_gives_all_items_in_order_and_then_its_error(make: Callable[[], Workers]) -> None:
    async def story() -> None:
        workers = make()

        def job(_: Asked) -> Iterator[int]:
            yield from range(50)
            raise ValueError("at the end")

        items = workers.iterate(job, call="a", priority=REPLY)
        assert [await anext(items) for _ in range(50)] == list(range(50))
        with pytest.raises(ValueError, match="at the end"):
            await anext(items)
        await workers.close()

    run(story)


@EVERY_DRIVER
def test_closing_an_iteration_ends_its_generator(make: Callable[[], Workers]) -> None:
    async def story() -> None:
        workers = make()
        ended = threading.Event()
        asked: list[bool] = []

        def job(cancelled: Asked) -> Iterator[int]:
            try:
                yield from range(1000)
            finally:
                asked.append(cancelled())
                ended.set()

        items = workers.iterate(job, call="a", priority=REPLY)
        assert await anext(items) == 0
        await items.aclose()
        await asyncio.to_thread(ended.wait)
        assert asked == [True]
        # The worker is free again.
        assert await workers.run(lambda _: "free", call="b", priority=FINAL) == "free"
        await workers.close()

    run(story)


def test_final_goes_before_reply_before_partial() -> None:
    async def story() -> None:
        order: list[str] = []
        async with busy_workers() as (workers, gate):
            jobs = [
                workers.submit(lambda _, p=p: order.append(p.name), call="a", priority=p)
                for p in (PARTIAL, REPLY, FINAL)
            ]
            gate.open.set()
            await asyncio.gather(*jobs)
        assert order == ["FINAL", "REPLY", "PARTIAL"]

    run(story)


def test_calls_take_turns() -> None:
    async def story() -> None:
        order: list[str] = []
        async with busy_workers() as (workers, gate):
            jobs = [workers.submit(lambda _, c=call: order.append(c), call=call, priority=FINAL) for call in "aaaabbc"]
            gate.open.set()
            await asyncio.gather(*jobs)
        assert "".join(order) == "abcabaa"

    run(story)


def test_cancelled_work_never_runs() -> None:
    async def story() -> None:
        ran: list[str] = []
        async with busy_workers() as (workers, gate):
            task = asyncio.ensure_future(workers.run(lambda _: ran.append("dropped"), call="a", priority=FINAL))
            after = workers.submit(lambda _: ran.append("wanted"), call="a", priority=PARTIAL)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.open.set()
            await after
        assert ran == ["wanted"]

    run(story)


def test_running_work_is_told_that_nobody_waits_any_more() -> None:
    async def story() -> None:
        workers = ThreadWorkers(1)
        gate = Gate()
        task = asyncio.ensure_future(workers.run(gate, call="a", priority=FINAL))
        await asyncio.to_thread(gate.running.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open.set()
        await workers.close()
        assert gate.was_cancelled

    run(story)


def test_a_full_queue_refuses() -> None:
    async def story() -> None:
        async with busy_workers(queue_limit=2) as (workers, _):
            waiting = [workers.submit(lambda _: None, call="a", priority=FINAL) for _ in range(2)]
            with pytest.raises(EngineBusy, match="try again"):
                await workers.run(lambda _: None, call="b", priority=FINAL)
            with pytest.raises(EngineBusy):
                await anext(workers.iterate(lambda _: iter("x"), call="b", priority=REPLY))
            waiting[0].cancel()
            await asyncio.sleep(0)
            workers.submit(lambda _: None, call="b", priority=FINAL)

    run(story)


def test_a_full_queue_drops_its_newest_partial_for_something_urgent() -> None:
    async def story() -> None:
        async with busy_workers(queue_limit=2) as (workers, gate):
            older = workers.submit(lambda _: "older", call="a", priority=PARTIAL)
            newer = workers.submit(lambda _: "newer", call="b", priority=PARTIAL)
            with pytest.raises(EngineBusy):
                await workers.run(lambda _: "newest", call="c", priority=PARTIAL)
            final = workers.submit(lambda _: "final", call="c", priority=FINAL)
            with pytest.raises(EngineBusy):
                await newer
            gate.open.set()
            assert (await final, await older) == ("final", "older")

    run(story)


def test_a_slow_consumer_holds_no_thread_and_little_is_made_ahead() -> None:
    async def story() -> None:
        workers = ThreadWorkers(1)
        made: list[int] = []

        def job(_: Asked) -> Iterator[int]:
            for n in range(100):
                made.append(n)
                yield n

        items = workers.iterate(job, call="a", priority=REPLY)
        assert await anext(items) == 0
        # The only thread answers another call while the first has 99 items to go.
        assert await workers.run(lambda _: "free", call="b", priority=PARTIAL) == "free"
        assert len(made) <= BUFFER_ITEMS + 1
        assert [item async for item in items] == list(range(1, 100))
        await workers.close()

    run(story)


def test_a_long_iteration_lets_urgent_work_in_between_its_items() -> None:
    async def story() -> None:
        workers = ThreadWorkers(1)
        first, go_on = threading.Event(), threading.Event()
        order: list[str] = []

        def job(_: Asked) -> Iterator[int]:
            first.set()
            go_on.wait()
            yield 0
            order.append("second item")
            yield 1

        items = workers.iterate(job, call="a", priority=REPLY)
        reading = asyncio.ensure_future(anext(items))
        await asyncio.to_thread(first.wait)
        urgent = workers.submit(lambda _: order.append("final"), call="b", priority=FINAL)
        go_on.set()
        await reading
        await urgent
        assert await anext(items) == 1
        assert order == ["final", "second item"]
        await items.aclose()
        await workers.close()

    run(story)


def test_an_iteration_cancelled_before_its_turn_never_begins() -> None:
    async def story() -> None:
        begun: list[int] = []

        def job(_: Asked) -> Iterator[int]:
            begun.append(1)
            yield 1

        async with busy_workers() as (workers, _):
            reading = asyncio.ensure_future(anext(workers.iterate(job, call="a", priority=REPLY)))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert not begun

    run(story)


def test_close_ends_the_threads_and_refuses_what_waits() -> None:
    async def story() -> None:
        before = set(threading.enumerate())
        workers = ThreadWorkers(2)
        gate = Gate(2)
        running = [workers.submit(gate, call="a", priority=FINAL) for _ in range(2)]
        await asyncio.to_thread(gate.running.wait)
        parked = workers.iterate(lambda _: iter(range(99)), call="b", priority=REPLY)
        waiting = asyncio.ensure_future(anext(parked))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(workers.close())
        with pytest.raises(EngineUnavailable):
            await waiting
        gate.open.set()
        await closing
        assert await asyncio.gather(*running) == ["through", "through"]
        left = set(threading.enumerate()) - before
        assert not [thread for thread in left if thread.name.startswith("engine-")]
        with pytest.raises(EngineUnavailable, match="start the service again"):
            await workers.run(lambda _: None, call="a", priority=FINAL)

    run(story)


def test_the_fair_queue_counts_what_has_not_had_its_turn() -> None:
    queue = FairQueue()
    works = [Work(call, PARTIAL) for call in "aab"]
    for work in works:
        queue.put(work)
    assert queue.admitted == 3
    queue.remove(works[0])
    queue.remove(works[0])
    assert queue.pop_newest(PARTIAL) is works[2]
    assert queue.take() is works[1]
    queue.put(works[1], again=True)
    assert queue.admitted == 0
    assert queue.waits(PARTIAL)
    assert not queue.waits(FINAL)
    assert queue.pop_newest(PARTIAL) is None
    assert queue.drain() == [works[1]]


@EVERY_DRIVER
def test_a_lane_keeps_its_order_and_never_runs_two(make: Callable[[], Workers]) -> None:
    async def story() -> None:
        workers = make()
        serial = SerialQueue(workers, call="a", limit=50)
        inside, order = threading.Lock(), list[int]()

        def job(n: int) -> Callable[[Asked], None]:
            def body(_: Asked) -> None:
                assert inside.acquire(blocking=False)
                order.append(n)
                inside.release()

            return body

        await asyncio.gather(*(serial.submit(job(n), priority=Priority(n % 3)) for n in range(30)))
        assert order == list(range(30))
        await workers.close()

    run(story)


def test_a_lane_waits_for_a_cancelled_job_to_end_and_skips_those_not_begun() -> None:
    async def story() -> None:
        workers = ThreadWorkers(2)
        serial = SerialQueue(workers, call="a")
        gate, ran = Gate(), list[str]()
        running = serial.submit(gate, priority=FINAL)
        dropped = serial.submit(lambda _: ran.append("dropped"), priority=FINAL)
        wanted = serial.submit(lambda _: ran.append(f"after, cancelled={gate.was_cancelled}"), priority=FINAL)
        await asyncio.to_thread(gate.running.wait)
        running.cancel()
        dropped.cancel()
        await asyncio.sleep(0)
        assert not ran
        gate.open.set()
        await wanted
        assert ran == ["after, cancelled=True"]
        await workers.close()

    run(story)


def test_a_lane_is_bounded() -> None:
    async def story() -> None:
        async with busy_workers() as (workers, _):
            serial = SerialQueue(workers, call="a", limit=2)
            jobs = [serial.submit(lambda _: None, priority=FINAL) for _ in range(3)]
            with pytest.raises(EngineBusy, match="more slowly"):
                await serial.submit(lambda _: None, priority=FINAL)
            serial.close(lambda: None)
            for job in jobs[1:]:
                with pytest.raises(Cancelled):
                    await job

    run(story)


def test_closing_a_lane_cleans_up_once_after_its_running_job() -> None:
    async def story() -> None:
        workers = ThreadWorkers(1)
        serial = SerialQueue(workers, call="a")
        gate, cleaned = Gate(), asyncio.Event()
        seen: list[bool] = []
        running = serial.submit(gate, priority=FINAL)
        await asyncio.to_thread(gate.running.wait)

        def clean() -> None:
            seen.append(gate.was_cancelled)
            cleaned.set()

        serial.close(clean)
        serial.close(clean)
        assert not seen
        gate.open.set()
        await cleaned.wait()
        assert seen == [True]
        assert await running == "through"
        with pytest.raises(Cancelled):
            await serial.submit(lambda _: None, priority=FINAL)
        await workers.close()

    run(story)


def test_inline_workers_turn_run_time_into_the_loops_time() -> None:
    async def story() -> None:
        ticks = iter([0.0, 2.0, 2.0, 2.5, 2.5, 2.5])
        asked: list[float] = []

        def delay(seconds: float) -> float:
            asked.append(seconds)
            return 0.0

        workers = InlineWorkers(delay, lambda: next(ticks))
        assert await workers.run(lambda _: 1, call="a", priority=FINAL) == 1
        assert [item async for item in workers.iterate(lambda _: iter([7]), call="a", priority=REPLY)] == [7]
        assert asked == [2.0, 0.5, 0.0]

    run(story)


def test_what_belongs_to_no_call_waits_for_the_calls() -> None:
    async def story() -> None:
        ran: list[str] = []
        async with busy_workers() as (workers, gate):
            order = [("request", REQUEST), ("partial", PARTIAL), ("reply", REPLY), ("final", FINAL)]
            jobs = [
                workers.submit(lambda _, name=name: ran.append(name), call=name, priority=priority)
                for name, priority in order
            ]
            gate.open.set()
            await asyncio.gather(*jobs)
        assert ran == ["final", "reply", "partial", "request"]

    run(story)


def test_requests_leave_a_thread_to_the_calls() -> None:
    async def story() -> None:
        workers = ThreadWorkers(2)
        gate = Gate()
        requests = [workers.submit(gate, call=str(n), priority=REQUEST) for n in range(2)]
        await asyncio.to_thread(gate.running.wait)
        assert await workers.run(lambda _: "at once", call="a", priority=FINAL) == "at once"
        assert not any(request.done() for request in requests)
        gate.open.set()
        await asyncio.gather(*requests)
        await workers.close()

    run(story)


def test_a_full_queue_drops_a_request_before_a_partial() -> None:
    async def story() -> None:
        async with busy_workers(queue_limit=2) as (workers, gate):
            request = workers.submit(lambda _: "request", call="a", priority=REQUEST)
            partial = workers.submit(lambda _: "partial", call="b", priority=PARTIAL)
            final = workers.submit(lambda _: "final", call="c", priority=FINAL)
            with pytest.raises(EngineBusy):
                await request
            late = workers.submit(lambda _: "late", call="d", priority=REQUEST)
            with pytest.raises(EngineBusy):
                await late
            gate.open.set()
            assert await asyncio.gather(partial, final) == ["partial", "final"]

    run(story)


def test_the_pressure_is_who_works_and_how_long_the_oldest_transcript_waits() -> None:
    async def story() -> None:
        at = 0.0
        workers = ThreadWorkers(2, now=lambda: at)
        assert workers.pressure() == Pressure(0.0, 0.0)
        gate = Gate(2)
        standing = [workers.submit(gate, call="gate", priority=FINAL) for _ in range(2)]
        await asyncio.to_thread(gate.running.wait)
        waiting = [workers.submit(lambda _: "done", call="one", priority=PARTIAL)]
        at = 5.0
        assert workers.pressure() == Pressure(1.0, 0.0), "a partial that waits is none"
        waiting += [workers.submit(lambda _: "done", call="two", priority=FINAL)]
        at = 5.5
        assert workers.pressure() == Pressure(1.0, 0.5)
        gate.open.set()
        await asyncio.gather(*standing, *waiting)
        assert workers.pressure().final_waits_s == 0.0
        await workers.close()

    run(story)
