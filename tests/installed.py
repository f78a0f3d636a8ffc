"""Packages of other people's clients, in environments of their own.

An environment is made once a machine, under the temporary folder, from the package index; without that its tests are
skipped, and so are Node's where there is no Node.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest


def place(requirements: Sequence[str]) -> Path:
    """The folder of the environment with these packages."""
    name = hashlib.sha256(" ".join((sys.version, *requirements)).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / "glow-test-clients" / name


def python_with(*requirements: str) -> Path:
    """The Python of an environment with these packages."""
    folder = place(requirements)
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        _installed([str(python), "-m", "pip", "install", "-q", "--prefer-binary", *requirements], folder)
        ready.touch()
    return python


def node_with(*requirements: str) -> Path:
    """The folder with these packages of npm."""
    if shutil.which("npm") is None:
        pytest.skip("There is no Node on this machine: install nodejs and npm.")
    folder = place(requirements)
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        _installed(["npm", "install", "--no-audit", "--no-fund", "--silent", *requirements], folder)
        (folder / "ready").touch()
    return folder


def _installed(command: list[str], folder: Path) -> None:
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if ran.returncode:
        pytest.skip(f"Not installed, perhaps for want of a network: {(ran.stderr or ran.stdout)[-300:]}")
