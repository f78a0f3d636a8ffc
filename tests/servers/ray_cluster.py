"""A Ray cluster of the tests' own with engines deployed on it, in a process that can be killed piece by piece."""

import os
import pickle
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from voice.ray_serve.deployments import RayPlan

_ROOT = Path(__file__).parents[2]


class RayCluster:
    """A running cluster.

    Attributes:
        address: what a driver connects to.
    """

    def __init__(self, address: str, pid: int) -> None:
        self.address = address
        self._pid = pid

    def kill(self, program: str) -> None:
        """Kill the head's `gcs_server` or its `raylet`."""
        for pid in _descendants(self._pid):
            if program in _command(pid):
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError(f"No {program} runs.")


@contextmanager
def ray_cluster(plan: RayPlan) -> Iterator[RayCluster]:
    """Start a cluster and deploy engines on it; skips the test where Ray is not installed."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    folder = Path(tempfile.mkdtemp(prefix="glow-ray-"))  # not pytest's folder: a socket's path has at most 107 letters
    (folder / "plan").write_bytes(pickle.dumps(plan))
    # Ray has drivers show a token, which they read from their environment.
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = os.environ | token | {"PYTHONPATH": str(_ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.ray_cluster", str(folder)],
            cwd=_ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert child.stdout is not None
        address = child.stdout.readline().decode().strip()
        assert address, (folder / "log").read_text("utf-8", "replace")[-3000:]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in token.items():
                patch.setenv(name, value)
            yield RayCluster(address, child.pid)
    finally:
        family = _descendants(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            child.wait(20)
        for pid in [child.pid, *family]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def _descendants(pid: int) -> list[int]:
    found = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text("ascii").split():
                found += [int(child), *_descendants(int(child))]
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def _serve(folder: Path) -> None:
    import ray

    from voice.ray_serve.deployments import deploy

    ray.init(
        num_cpus=8, include_dashboard=False, object_store_memory=100_000_000, log_to_driver=False,
        _temp_dir=str(folder / "r"), namespace="serve",
    )  # fmt: skip
    deploy(pickle.loads((folder / "plan").read_bytes()))
    sys.stdout.write(f"{ray.get_runtime_context().gcs_address}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
