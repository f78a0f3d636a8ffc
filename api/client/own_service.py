"""A private service: `glow serve` as a child process on a free port, with a temporary data folder."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.client.call import ClientError, Disconnected
from api.client.http import RemoteService

START_S = 120.0
_LAST_LINES = 15


_GONE = (FileNotFoundError, ProcessLookupError)


@dataclass(frozen=True, slots=True)
class OwnService:
    """A running child: its URL, token and process."""

    url: str
    token: str
    pid: int
    started_in_s: float

    def cpu_s(self) -> float | None:
        """CPU seconds of the service and its engines' processes; None if the system does not report them."""
        try:
            return sum(cpu_s_of(pid) for pid in _family(self.pid))
        except OSError:
            return None

    def engines_cpu_s(self) -> float | None:
        """CPU seconds of the engines' processes, such as the recogniser's; None if the system does not report them."""
        try:
            return sum(cpu_s_of(pid) for pid in _family(self.pid)[1:])
        except OSError:
            return None

    def pids(self) -> list[int]:
        """List the service's process and those of its engines.

        Raises:
            OSError: the system does not report them.
        """
        return _family(self.pid)

    def memory_mib(self) -> float | None:
        """Resident memory of the service process in MiB; None if the system does not report it."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        except OSError:
            return None
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in _children(task):
            with suppress(*_GONE):
                found += _family(child)
    return found


def _children(task: Path) -> list[int]:
    try:
        return [int(child) for child in (task / "children").read_text("ascii").split()]
    except _GONE:  # the thread has just ended
        return []


def cpu_s_of(pid: int) -> float:
    """Return the CPU seconds of a process.

    Raises:
        OSError: it has ended, or the system does not report them.
    """
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def embedded(**chosen: str | None) -> dict[str, str]:
    """Return settings that need no network and no key; `chosen` ones (such as tts="piper") take precedence."""
    settings = {"GLOW_LLM": "scripted", "GLOW_STT": "auto", "GLOW_TTS": "auto", "GLOW_LOG_LEVEL": "warning"}
    return settings | {f"GLOW_{name.upper()}": value for name, value in chosen.items() if value}


@contextmanager
def own_service(environment: Mapping[str, str], models_dir: Path, token: str | None = None) -> Iterator[OwnService]:
    """Start a service, wait until it is ready, and stop it at the end of the block.

    Args:
        environment: GLOW_ variables to set; those of this process and its .env file are ignored.
        models_dir: directory of its models and voices, such as `Settings().models_dir`.
        token: of its user; by default a random one.

    Raises:
        ClientError: it did not start; the message has its last lines of output.
    """
    with tempfile.TemporaryDirectory(prefix="glow-voice-") as name:
        folder, token, port = Path(name), token or secrets.token_urlsafe(24), free_port()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_"))}
        own = {
            "GLOW_HOST": "127.0.0.1",
            "GLOW_PORT": str(port),
            "GLOW_DATA_DIR": str(folder),
            "GLOW_MODELS_DIR": str(models_dir.absolute()),
            "GLOW_TOKENS": f"local:{token}",
        }
        log_path = folder / "service.log"
        with log_path.open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "api.cli.main", "serve"],
                cwd=folder,
                env=inherited | own | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            try:
                with RemoteService(url) as service:
                    took = service.wait_until_ready(START_S, lambda: child.poll() is None)
            except Disconnected as error:
                lines = log_path.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:]
                raise ClientError("\n".join([f"{error} Its last lines:", *lines])) from None
            yield OwnService(url, token, child.pid, took)
        finally:
            _stop(child)


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
