"""Turn after turn, call after call: memory, descriptors, threads and tasks stay where they were."""

import asyncio
import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.service import RunningService, quiet, unhearing
from tests.voice.sound import recording

TURNS_PER_CALL = 10
CALLERS = 8
SHOWN_EVERY = 500
LINE = "rms/turns/07"

GROWTH_BYTES = 2_000
"""Most memory that a turn may leave behind, its share of the history's database pages included."""


@dataclass(frozen=True)
class Holdings:
    """What the process holds."""

    memory: int
    descriptors: int
    threads: int
    tasks: int


def holdings(service: RunningService) -> Holdings:
    """What is held when all garbage is collected, and the allocator has given back what is free in its arenas."""
    gc.collect()
    with suppress(OSError, AttributeError):  # other C libraries have no such call
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return Holdings(
        memory=int(resident.split()[1]) * 1024,
        descriptors=len(list(Path("/proc/self/fd").iterdir())),
        threads=threading.active_count(),
        tasks=service.ask(lambda _: len(asyncio.all_tasks())),
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    with unhearing(tmp_path, calls_per_user=1000, resume_s=1) as started:
        yield started


def hold(service: RunningService, turns: int) -> None:
    """Hold so many turns, in calls that end in every way: politely, without a word, and in the middle of a reply."""
    spoken = np.concatenate([quiet(200), recording(LINE), quiet(1500)])

    async def call(number: int) -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True, output={"encoding": "mulaw", "rate": 8000}) as client:
            for turn in range(TURNS_PER_CALL):
                if turn % 2:
                    await client.send("chat_message", text=f"And what is the number {turn} of call {number}?")
                else:
                    await client.hear(spoken)
                if turn == TURNS_PER_CALL - 1 and number % 3 == 2:
                    await client.until("reply.audio")
                else:
                    await client.until("reply.ended")
            if number % 3 == 0:
                await client.hang_up()
            else:
                client.drop()

    async def caller(numbers: Iterator[int]) -> None:
        for number in numbers:
            await call(number)

    async def calls() -> None:
        numbers = iter(range(turns // TURNS_PER_CALL))
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(caller(numbers))
        await service.until(lambda inside: not len(inside.calls))

    asyncio.run(calls())


def check(service: RunningService, warm: int, turns: int) -> None:
    hold(service, warm)
    before = after = holdings(service)
    for done in range(0, turns, SHOWN_EVERY):
        hold(service, min(SHOWN_EVERY, turns - done))
        after = holdings(service)
        sys.stderr.write(f"{min(done + SHOWN_EVERY, turns)} turns: {before} -> {after}\n")
    assert after.descriptors <= before.descriptors + 4
    assert after.threads <= before.threads + 2
    assert after.tasks <= before.tasks + 4
    assert after.memory - before.memory <= (16 << 20) + turns * GROWTH_BYTES


@pytest.mark.slow
def test_a_hundred_turns(service: RunningService) -> None:
    check(service, 40, 60)


@pytest.mark.long
@pytest.mark.timeout(4 * 3600)
def test_ten_thousand_turns(service: RunningService) -> None:
    check(service, 1_000, 9_000)
