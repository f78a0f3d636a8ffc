"""A Redis server of the tests' own, where the program is installed: in a temporary folder, on a local socket."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

START_S = 60.0


@contextlib.contextmanager
def redis_running() -> Iterator["RedisServer"]:
    """A new, empty server; skips the test where there is none, or no client for it."""
    pytest.importorskip("redis", reason="the client of Redis is not installed")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed")
    # Not pytest's folder: a socket's path has at most 107 letters.
    folder = Path(tempfile.mkdtemp(prefix="glow-redis-"))
    server = RedisServer(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


class RedisServer:
    """A running server.

    Attributes:
        url: what reaches it.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self.url = f"unix://{folder}/redis.sock?db=3"
        self._socket = folder / "redis.sock"
        self._command = [program, "--port", "0", "--unixsocket", str(self._socket), "--save", "", "--dir", str(folder)]
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._socket.unlink(missing_ok=True)
        self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.monotonic() + START_S
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                try:
                    probe.connect(str(self._socket))
                    return
                except OSError:
                    if time.monotonic() > until or self._child.poll() is not None:
                        raise
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """The server is killed for as long as the block lasts."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """The server takes connections and commands, and answers nothing, for as long as the block lasts."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)
