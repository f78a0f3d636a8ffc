"""The beats of a process, that it leaves the others some time after an outage, and what it keeps in one."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from models import pulse
from models.errors import StorageFailed
from models.store import Store
from models.store.leases import SILENT_HERE_FOR
from pipeline.replay.steady_store import SteadyStore
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.presence import AGAIN_S, BEAT_S, LEFT_S, PULSE_S, Presence
from tests.pipeline.scene import steadily
from tests.stores import database


class Away:
    """A store that may be away; notes what is asked of it, and when."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._began = asyncio.get_running_loop().time()
        self.away = False
        self.asked: list[tuple[int, str]] = []

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._store, name)

        async def asked(**said: Any) -> Any:
            self.asked.append((round(asyncio.get_running_loop().time() - self._began), name))
            if self.away:
                raise StorageFailed("away")
            return await verb(**said)

        return asked


def test_a_process_beats_and_leaves_the_others_some_time_after_an_outage() -> None:
    async def story(store: Store) -> None:
        away: Any = Away(store)
        async with Presence(away, LoopClock()) as presence:
            assert presence.alone.is_set()
            await asyncio.sleep(BEAT_S + 0.5)
            away.away = True
            await asyncio.sleep(BEAT_S)
            away.away = False
            await asyncio.sleep(BEAT_S + LEFT_S + 1)
        assert [name for _, name in away.asked[:6]] == ["join", "recover", "others_run", "beat", "recover", "beat"]
        at = [second for second, name in away.asked if name == "recover"]
        assert at[:2] == [0, BEAT_S]
        assert BEAT_S + BEAT_S + LEFT_S <= at[2] <= BEAT_S + BEAT_S + LEFT_S + BEAT_S + AGAIN_S
        beats = [second for second, name in away.asked if name == "beat"]
        assert max(after - before for before, after in pairwise(beats)) <= BEAT_S

    steadily(story, run_virtually)


def test_a_process_keeps_its_calls_while_no_other_one_reaches_the_store_either() -> None:
    async def story(store: Store, other: Store) -> None:
        await other.create_user("of another id")
        await other.join(address="http://other")
        away: Any = Away(store)
        lost: list[str] = []
        without_store = True
        asked: list[tuple[str, ...]] = []

        async def all_without_store(addresses: Sequence[str]) -> bool:
            asked.append(tuple(addresses))
            return without_store

        async with Presence(away, LoopClock()) as presence:
            presence.all_without_store = all_without_store
            presence.when_lost(lambda: lost.append("calls"))
            await asyncio.sleep(BEAT_S + 0.5)
            away.away = True
            await asyncio.sleep(60)
            assert not lost
            assert set(asked) == {("http://other",)}
            without_store, away.away = False, False  # it is back for both at once
            await other.beat(address="http://other")
            await asyncio.sleep(BEAT_S)
            assert not lost
            await asyncio.sleep(BEAT_S)
            away.away = True  # for this one alone
            await asyncio.sleep(60)
            assert lost == ["calls"], "once"

    with database() as url, SteadyStore(url) as steady, SteadyStore(url) as neighbour:
        run_virtually(story(steady.store, neighbour.store))


class Frozen(LoopClock):
    """The clock of a process that may be frozen for a while."""

    slept_s = 0.0

    def now(self) -> float:
        return super().now() + self.slept_s


@pytest.mark.parametrize("frozen", [False, True], ids=["it only cannot write", "it was frozen"])
def test_a_process_whose_pulse_is_seen_keeps_its_calls_however_long_it_cannot_write(frozen: bool) -> None:
    async def story(store: Store, other: Store) -> None:
        await other.create_user("of another id")
        await other.join()
        process_id = (await store.other_processes())[0].id
        pulse.beat(process_id, store.now())
        away: Any = Away(store)
        lost: list[str] = []
        beats: list[float] = []
        clock = Frozen()
        async with Presence(away, clock, pulse=lambda: beats.append(clock.now())) as presence:
            presence.when_lost(lambda: lost.append("calls"))
            await asyncio.sleep(BEAT_S + 0.5)
            away.away = True
            await asyncio.sleep(60)
            assert not lost
            assert max(after - before for before, after in pairwise(beats)) <= PULSE_S
            clock.slept_s = frozen * (SILENT_HERE_FOR.total_seconds() + 1)
            await asyncio.sleep(BEAT_S + LEFT_S)
            assert lost == ["calls"] * frozen, "others have seen no pulse of it meanwhile"
        pulse.end(process_id)

    with database() as url, SteadyStore(url) as steady, SteadyStore(url) as neighbour:
        run_virtually(story(steady.store, neighbour.store))
