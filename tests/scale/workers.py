"""`glow serve --workers 2` in a process of its own, and what `glow proxy-config` prints for it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import TOKEN, WAIT_S

WORKERS = 2
ATTEMPTS = 5
GLOW = [sys.executable, "-m", "api.cli.main"]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


class Workers:
    """A running supervisor.

    Attributes:
        urls: of its gateways.
        port: of the proxy that they expect in front of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "log"
        self._child: subprocess.Popen[bytes] | None = None
        self.urls: list[str] = []
        self.port = free_port()
        self._first = 0
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_"))}
        chosen = {"stt": "fixed:0", "tts": "fixed:0", "llm": "scripted", "stt_process": "false", "drain_s": "60"}
        own = {
            "port": str(self.port),
            "data_dir": str(self._folder),
            "tokens": f"ada:{TOKEN}",
            "stt_timeout_s": "100",
            "calls_per_user": "0",
        }
        settings = {f"GLOW_{name.upper()}": value for name, value in {**chosen, **own}.items()}
        self._environment = inherited | settings

    def start(self) -> None:
        """Start it, on ports that nobody else has; wait until all gateways are ready."""
        for _ in range(ATTEMPTS):
            self._first = free_port()
            command = [*GLOW, "serve", "--workers", str(WORKERS), "--port-base", str(self._first)]
            with self._log.open("wb") as log:
                self._child = subprocess.Popen(
                    command,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.urls = [f"http://127.0.0.1:{self._first + number}" for number in range(WORKERS)]
            if self.says("Put a proxy in front", 1):
                return
            assert "something else listens" in self.log(), self.log()
        raise AssertionError("no two ports are free")

    def proxy_config(self, proxy: str) -> str:
        """What `glow proxy-config` prints for these gateways."""
        command = [*GLOW, "proxy-config", proxy, "--workers", str(WORKERS), "--port-base", str(self._first)]
        return subprocess.run(
            command, cwd=self._folder, env=self._environment, check=True, capture_output=True, text=True, timeout=WAIT_S
        ).stdout

    def says(self, sentence: str, times: int) -> bool:
        """Wait until it has logged something so many times; False if it ends before."""
        assert self._child is not None
        while self._child.poll() is None:
            if self.log().count(sentence) >= times:
                return True
            time.sleep(0.05)
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
