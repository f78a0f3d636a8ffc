"""Installation of the peers of `glow bench peers`, each in its own virtual environment in the data directory."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from api.client.call import ClientError

REQUIREMENTS = {"pipecat": ("pipecat-ai>=1.14,<1.15",), "livekit": ("livekit-agents>=1.8,<1.9",)}
"""The requirements of each peer, pinned to the versions that its runner was written for."""

REAL_ENGINES = ("faster-whisper", "piper-tts")
"""Additional requirements for the comparison with real engines."""

_LAST_LINES = 6
_INSTALL_S = 900


def environment_python(folder: Path) -> Path:
    """Return the Python interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(peer: str, data_dir: Path, extra: Sequence[str] = ()) -> Path:
    """Install a peer if it is missing; return its Python interpreter.

    The environment in `<data_dir>/bench/<peer>` is created once; remove the folder to recreate it.

    Raises:
        ClientError: the installation failed; the message has pip's last lines.
    """
    wanted = [*REQUIREMENTS[peer], *extra]
    folder = data_dir / "bench" / peer
    python, installed = environment_python(folder), folder / "installed.txt"
    known = installed.read_text("utf-8").split("\n") if installed.is_file() and python.is_file() else []
    if set(wanted) <= set(known):
        return python
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not python.is_file():
            venv.create(folder, with_pip=True, symlinks=os.name != "nt")
        _pip(python, [*known, *wanted] if known != [""] else wanted)
        installed.write_text("\n".join(sorted({*known, *wanted} - {""})), encoding="utf-8")
    except subprocess.TimeoutExpired:
        raise ClientError(
            f"Installing {peer} took longer than {_INSTALL_S} s; try again where the network is."
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise ClientError(
            f"{peer} cannot be installed under {folder} ({error}); free the place or choose another."
        ) from None
    return python


def _pip(python: Path, requirements: Sequence[str]) -> None:
    ran = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary", *requirements],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_INSTALL_S,
        check=False,
        text=True,
        errors="replace",
    )
    if ran.returncode:
        last = "\n".join(ran.stdout.splitlines()[-_LAST_LINES:])
        raise ClientError(
            f"{' '.join(requirements)} cannot be installed for Python {sys.version.split()[0]}; "
            f"is the package index within reach? The last lines of pip:\n{last}"
        )
