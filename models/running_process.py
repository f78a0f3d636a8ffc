"""What names a running process, so that another one on the same machine can tell whether it still runs."""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_BEGAN = 19
"""The time of a process's start, counted from its state on. Source: proc(5), /proc/pid/stat."""


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process.

    Attributes:
        place: the machine since its start, and the namespace of its process ids; empty where that is not known.
        pid: its process id there.
        began: when it began, in ticks since the machine's start, as another may have the same id later.
    """

    place: str
    pid: int
    began: str

    def has_ended(self, here: str) -> bool:
        """Return whether it has certainly ended, seen from this place; elsewhere nobody can tell."""
        return self.place == here != "" and _began(self.pid) != self.began


def this_process() -> RunningProcess:
    """Return the process that this runs in."""
    pid = os.getpid()
    return RunningProcess(_place(), pid, _began(pid))


def _place() -> str:
    try:
        started = (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{started} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # not Linux
        return ""


def _began(pid: int) -> str:
    """Return when the process of this id began; empty if there is none, or it has ended."""
    try:
        state, *fields = (_PROC / str(pid) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state in "ZX" else fields[_BEGAN - 1]
