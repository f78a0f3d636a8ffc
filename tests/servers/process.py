"""The service in a process of its own, which can be stopped, killed and started again on the same data and port."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.client.http import RemoteService

TOKEN = "token-of-the-process-0123456789"
WAIT_S = 100.0


class ServiceProcess:
    """`glow serve` on one port and one folder.

    Attributes:
        url, token: what a client needs.
        database_url: opens its store.
        code: the folder with the packages of another version, which the next start runs.
    """

    def __init__(self, folder: Path, **chosen: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.token = f"http://127.0.0.1:{port}", TOKEN
        self._folder = folder
        self._log = folder / "service.log"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_"))}
        embedded = {"stt": "fixed:0", "tts": "espeak", "llm": "scripted", "stt_process": "false"}
        patient = {"stt_timeout_s": "100", "frames_gap_s": "4", "calls_per_user": "0", "log_level": "info"}
        own = {"port": str(port), "data_dir": str(folder), "tokens": f"ada:{TOKEN}"}
        settings = {f"GLOW_{name.upper()}": value for name, value in {**embedded, **patient, **own, **chosen}.items()}
        self._environment = inherited | settings
        self.database_url = chosen.get("database_url", f"sqlite+aiosqlite:///{settings['GLOW_DATA_DIR']}/glow.db")
        self.code: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        environment = self._environment
        if self.code is not None:
            environment = environment | {"PYTHONPATH": str(self.code)}
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", "serve"],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._child = child
        with RemoteService(self.url) as service:
            service.wait_until_ready(WAIT_S, lambda: child.poll() is None)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._child is not None
        self._child.send_signal(number)

    def ended(self) -> int:
        """Wait until it has ended; returns its exit status."""
        assert self._child is not None
        return self._child.wait(WAIT_S)

    def memory_mib(self) -> float:
        """How much memory it has now, in MiB; Linux alone tells."""
        assert self._child is not None
        status = Path(f"/proc/{self._child.pid}/status").read_text("ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def log(self) -> str:
        """All that it has logged."""
        return self._log.read_text("utf-8", "replace")


@contextmanager
def service_process(folder: Path, **chosen: str) -> Iterator[ServiceProcess]:
    """A running service; killed with the block if it still runs."""
    service = ServiceProcess(folder, **chosen)
    service.start()
    try:
        yield service
    finally:
        if service._child is not None and service._child.poll() is None:
            service.send(signal.SIGKILL)
            service.ended()
