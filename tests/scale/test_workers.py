"""`glow serve --workers 2`: gateways that are started again, replaced one after the other, and stopped together."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.client.http import RemoteService
from tests.scale.balancer import balanced
from tests.scale.callers import callers
from tests.servers.process import TOKEN, WAIT_S

pytestmark = pytest.mark.slow

WORKERS = 2
ATTEMPTS = 5


class Workers:
    """A running supervisor.

    Attributes:
        urls: of its gateways.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._child: subprocess.Popen[bytes] | None = None
        self.urls: list[str] = []

    def start(self) -> None:
        """Start it, on ports that nobody else has; wait until all gateways are ready."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_"))}
        chosen = {"stt": "fixed:0", "tts": "fixed:0", "llm": "scripted", "stt_process": "false", "drain_s": "60"}
        own = {"data_dir": str(self._folder), "tokens": f"ada:{TOKEN}", "stt_timeout_s": "100", "calls_per_user": "0"}
        settings = {f"GLOW_{name.upper()}": value for name, value in {**chosen, **own}.items()}
        for _ in range(ATTEMPTS):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                first = probe.getsockname()[1]
            command = [
                sys.executable,
                "-m",
                "api.cli.main",
                "serve",
                "--workers",
                str(WORKERS),
                "--port-base",
                str(first),
            ]
            with self._log.open("wb") as log:
                self._child = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=inherited | settings,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.urls = [f"http://127.0.0.1:{first + number}" for number in range(WORKERS)]
            if self.says("Put a proxy in front", 1):
                return
            assert "something else listens" in self.log(), self.log()
        raise AssertionError("no two ports are free")

    def says(self, sentence: str, times: int) -> bool:
        """Wait until it has logged something so many times; False if it ends before."""
        assert self._child is not None
        while self._child.poll() is None:
            if self.log().count(sentence) >= times:
                return True
        return False

    def log(self) -> str:
        """All that it and its gateways have logged."""
        return self._log.read_text("utf-8", "replace")

    def send(self, number: signal.Signals) -> None:
        """Send the supervisor a signal."""
        assert self._child is not None
        self._child.send_signal(number)

    def ended(self) -> int:
        """Wait for the supervisor's end; returns its exit status."""
        assert self._child is not None
        return self._child.wait(WAIT_S)

    def gateways(self) -> list[int]:
        """The process ids of the gateways."""
        assert self._child is not None
        listed = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text("ascii")
        return [int(number) for number in listed.split()]


@contextmanager
def workers(folder: Path) -> Iterator[Workers]:
    """A running supervisor, killed with the block if it still runs."""
    running = Workers(folder)
    running.start()
    try:
        yield running
    finally:
        if running._child is not None and running._child.poll() is None:
            running.send(signal.SIGKILL)  # the gateways end with their standard input
            running.ended()


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="the children of a process are not listed here")
def test_gateways_are_started_again_replaced_under_callers_and_stopped(tmp_path: Path) -> None:
    async def story(running: Workers) -> None:
        async with balanced(running.urls) as balancer, callers(balancer, 4, waits_for_end=True) as made:
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
