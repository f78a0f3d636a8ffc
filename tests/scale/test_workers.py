"""`glow serve --workers 2`: gateways that are started again, replaced one after the other, and stopped together."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from api.client.http import RemoteService
from tests.scale.balancer import balanced
from tests.scale.callers import callers
from tests.scale.workers import WORKERS, Workers, workers
from tests.servers.process import TOKEN

pytestmark = pytest.mark.slow


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the children of a process are not listed here")
def test_gateways_are_started_again_replaced_under_callers_and_stopped(tmp_path: Path) -> None:
    async def story(running: Workers) -> None:
        async with balanced(running.urls) as balancer, callers(balancer.url, 4, waits_for_end=True) as made:
            before = running.gateways()
            assert len(before) == WORKERS
            await asyncio.gather(*(caller.until_said(1) for caller in made))
            running.send(signal.SIGHUP)
            assert await asyncio.to_thread(running.says, "All gateways are replaced.", 1)
            after = running.gateways()
            assert len(after) == WORKERS
            assert set(after).isdisjoint(before)
            await asyncio.gather(*(caller.until_said(len(caller.acknowledged) + 1) for caller in made))
            os.kill(after[0], signal.SIGKILL)
            assert await asyncio.to_thread(running.says, "it is started again", 1)
            await asyncio.gather(*(caller.until_said(len(caller.acknowledged) + 1) for caller in made))
        for caller in made:
            assert caller.client.renewals == 0
            names = {event["conversation_id"] for event in caller.client.log if event.type == "chat_voice"}
            assert len(names) == 1, "it is the same call"
        with RemoteService(running.urls[1], TOKEN) as remote:
            for caller in made:
                words = [message.text for message in remote.messages(caller.chat) if not message.is_persona]
                assert words == caller.acknowledged

    with workers(tmp_path) as running:
        asyncio.run(story(running))
        gateways = running.gateways()
        running.send(signal.SIGTERM)
        assert running.ended() == 0
        assert all(gone(process) for process in gateways)


def test_no_gateway_outlives_its_supervisor(tmp_path: Path) -> None:
    with workers(tmp_path) as running:
        gateways = running.gateways()
        running.send(signal.SIGKILL)
        running.ended()
        while not all(gone(process) for process in gateways):
            pass
