"""Says in the machine's memory that a process runs, where others on the machine see it however busy its disk is.

A pulse is the time of a file in `/dev/shm`, which is memory: nobody waits for a disk to write or to read it.
"""

import os
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

_MEMORY = Path("/dev/shm")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def beat(process_id: str, now: datetime) -> None:
    """Say that the process of this id runs now; where there is no such memory, nothing is said."""
    with suppress(OSError):
        path = _path(process_id)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, stat.S_IRUSR | stat.S_IWUSR))
        since = (now - _EPOCH) // timedelta(microseconds=1) * 1000
        os.utime(path, ns=(since, since), follow_symlinks=False)


def latest_beat(process_id: str) -> datetime | None:
    """Return when the process of this id has last said so; None if it has not, as far as this machine knows."""
    try:
        return _EPOCH + timedelta(microseconds=_path(process_id).lstat().st_mtime_ns // 1000)
    except OSError:
        return None


def end(process_id: str) -> None:
    """Remove the pulse of a process that runs no more."""
    with suppress(OSError):
        _path(process_id).unlink()


def _path(process_id: str) -> Path:
    return _MEMORY / f"glow-voice-{process_id}"
