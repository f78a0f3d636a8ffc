"""The beats of a process, and that it leaves the others one after an outage."""

import asyncio
from typing import Any

from models.errors import StorageFailed
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.presence import BEAT_S, Presence
from tests.pipeline.scene import steadily


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


def test_a_process_beats_and_leaves_the_others_a_beat_after_an_outage() -> None:
    async def story(store: Store) -> None:
        away: Any = Away(store)
        async with Presence(away, LoopClock()) as presence:
            assert presence.alone.is_set()
            await asyncio.sleep(BEAT_S + 0.5)
            away.away = True
            await asyncio.sleep(BEAT_S)
            away.away = False
            await asyncio.sleep(2 * BEAT_S)
        assert away.asked == [
            (0, "join"), (0, "recover"), (0, "others_run"), (2, "beat"), (2, "recover"), (4, "beat"), (6, "beat"),
            (8, "beat"), (8, "recover"), (8, "leave"),
        ]  # fmt: skip

    steadily(story, run_virtually)
