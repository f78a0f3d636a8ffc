"""Sketches never take every thread, so that a final transcript finds one free."""

import asyncio
import threading

from voice.work.workers import Priority, ThreadWorkers


def test_a_final_finds_a_thread_however_many_partials_wait() -> None:
    async def story() -> None:
        workers = ThreadWorkers(2)
        begun, go_on = threading.Semaphore(0), threading.Event()

        def sketch(_: object) -> None:
            begun.release()
            go_on.wait(100)

        sketches = [workers.submit(sketch, call=str(n), priority=Priority.PARTIAL) for n in range(3)]
        await asyncio.to_thread(begun.acquire)
        assert await workers.run(lambda _: "said", call="other", priority=Priority.FINAL) == "said"
        assert not begun.acquire(blocking=False), "the second sketch has not begun, though a thread is free"
        go_on.set()
        await asyncio.gather(*sketches)
        await workers.close()

    asyncio.run(asyncio.wait_for(story(), 60))
