"""Virtual time: fast, in order, and standing still while threads work."""

import asyncio
import threading

import pytest

from pipeline.replay.virtual_time import NothingLeft, run_virtually


def test_an_hour_passes_at_once_and_in_order() -> None:
    order: list[tuple[str, float]] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append((name, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(wait("late", 3600), wait("early", 0.5), wait("middle", 60))

    run_virtually(main())
    assert order == [("early", 0.5), ("middle", 60.0), ("late", 3600.0)]


def test_time_stands_still_while_a_thread_works() -> None:
    gate = threading.Event()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        timer = asyncio.create_task(asyncio.sleep(1))
        work = loop.run_in_executor(None, gate.wait)
        loop.call_soon(gate.set)
        await work
        at = loop.time()
        await timer
        return at

    assert run_virtually(main()) == 0.0


def test_waiting_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingLeft):
        run_virtually(main())
