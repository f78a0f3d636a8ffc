"""Folders and files that only their owner may read, whatever the umask; those of earlier versions are tightened."""

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def private_folder(folder: Path) -> None:
    """Create a folder with mode 0700, and folders above it that are not there; tighten one that is there.

    Raises:
        OSError: it cannot be created.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    tighten(folder)


def private_file(path: Path) -> None:
    """Create an empty file with mode 0600, or tighten the one that is there.

    Raises:
        OSError: it cannot be created.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, stat.S_IRUSR | stat.S_IWUSR)
    os.close(descriptor)
    tighten(path)


def tighten(path: Path) -> None:
    """Take a file or folder from everybody but its owner; one of another owner is left, and logged."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & _OTHERS or not mode & stat.S_IRUSR:
            path.chmod(stat.S_IRWXU if path.is_dir() else stat.S_IRUSR | stat.S_IWUSR)
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s may be readable by other users of this machine: %s.", path, error.strerror)
