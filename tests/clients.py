"""Other people's clients, each in an environment of its own, as they pin what this one has in other versions.

python = environment("wyoming-satellite", "wyoming-satellite==1.0.0")

The environment is made once, beside the one that the tests run in; where the package index cannot be reached the test
is skipped.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

INSTALL_S = 600


def environment(name: str, *requirements: str) -> Path:
    """The folder of an environment's commands, with these packages in it."""
    folder = Path(sys.prefix) / "clients" / name
    installed = folder / "installed.txt"
    wanted = "\n".join(requirements)
    if not installed.is_file() or installed.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode:
            pytest.skip(f"{name} could not be installed: {done.stderr.strip().splitlines()[-1:]}")
        installed.write_text(wanted)
    return folder / "bin"
