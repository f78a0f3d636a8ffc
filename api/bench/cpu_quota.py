"""Processor quotas by cgroup, version 1 or 2: a process and its children get so many cores and no more.

A group is made inside this process's own, so that what bounds this one bounds it, too. That takes root, or a group that
was delegated to the user.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

MOUNTS, OWN_GROUPS = Path("/proc/self/mounts"), Path("/proc/self/cgroup")
_EMPTY_S = 5.0
_numbers = count()


@dataclass(frozen=True, slots=True)
class Throttling:
    """What a group had of its periods so far: all, and those in which it used up its quota."""

    periods: int
    throttled: int

    def share_since(self, earlier: "Throttling") -> float:
        """Return the share of periods since then in which the quota was used up."""
        periods = self.periods - earlier.periods
        return (self.throttled - earlier.throttled) / periods if periods else 0.0


class CpuGroup:
    """A cgroup of its own, empty and without a quota at first.

    Args:
        folder: the group, which exists.
        unified: whether it is of version 2.

    Attributes:
        folder: where the kernel shows it.
    """

    def __init__(self, folder: Path, *, unified: bool) -> None:
        self.folder = folder
        self._unified = unified

    def limit(self, cores: float | None, period_ms: float) -> None:
        """Set the quota: so many cores, accounted every so many milliseconds; None for no quota.

        Raises:
            OSError: the kernel takes no such quota.
        """
        period_us = round(period_ms * 1000)
        quota_us = None if cores is None else max(1000, round(cores * period_us))
        if self._unified:
            self._write("cpu.max", f"{'max' if quota_us is None else quota_us} {period_us}")
            return
        self._write("cpu.cfs_quota_us", "-1")
        self._write("cpu.cfs_period_us", str(period_us))
        if quota_us is not None:
            self._write("cpu.cfs_quota_us", str(quota_us))

    def take(self, pids: Sequence[int]) -> None:
        """Move processes into the group; their later children are in it, too.

        Raises:
            OSError: this user may not move them.
        """
        for pid in pids:
            self._write("cgroup.procs", str(pid))

    def throttling(self) -> Throttling:
        """Return how often the quota was used up so far."""
        lines = (self.folder / "cpu.stat").read_text("ascii").splitlines()
        found = {name: int(value) for name, value in (line.split() for line in lines)}
        return Throttling(found.get("nr_periods", 0), found.get("nr_throttled", 0))

    def _write(self, name: str, value: str) -> None:
        (self.folder / name).write_text(value, "ascii")


@contextmanager
def cpu_group(mounts: Path = MOUNTS, own_groups: Path = OWN_GROUPS) -> Iterator[CpuGroup | None]:
    """Make a group for as long as the block lasts, in which its processes have to end; None where none can be made.

    Args:
        mounts, own_groups: what the system tells of its mounts, and of this process's groups.
    """
    found = _parent(mounts, own_groups)
    if found is None:
        yield None
        return
    parent, unified = found
    folder = parent / f"glow-bench-{os.getpid()}-{next(_numbers)}"
    try:
        if unified and "cpu" not in (parent / "cgroup.subtree_control").read_text("ascii").split():
            (parent / "cgroup.subtree_control").write_text("+cpu", "ascii")
        folder.mkdir()
    except OSError:
        yield None
        return
    try:
        yield CpuGroup(folder, unified=unified)
    finally:
        _remove(folder)


def _parent(mounts: Path, own_groups: Path) -> tuple[Path, bool] | None:
    """Return this process's own group that accounts for processors, and whether it is of version 2."""
    try:
        mounted = [line.split() for line in mounts.read_text("utf-8").splitlines()]
        own = [line.split(":", 2) for line in own_groups.read_text("utf-8").splitlines()]
    except OSError:
        return None
    for _, place, kind, options, *_ in mounted:
        unified = kind == "cgroup2"
        if not unified and (kind != "cgroup" or "cpu" not in options.split(",")):
            continue
        for _, controllers, path in own:
            if ("cpu" in controllers.split(",")) if not unified else not controllers:
                # In a container the path may be that of the machine outside; the mount is then the group itself.
                inside = Path(place) / path.lstrip("/")
                group = inside if inside.is_dir() else Path(place)
                if unified and "cpu" not in _controllers(group):
                    continue
                return group, unified
    return None


def _controllers(group: Path) -> list[str]:
    try:
        return (group / "cgroup.controllers").read_text("ascii").split()
    except OSError:
        return []


def _remove(folder: Path) -> None:
    """Remove a group once its processes have ended, which the kernel may notice a moment later."""
    until = time.monotonic() + _EMPTY_S
    while time.monotonic() < until:
        with suppress(FileNotFoundError):
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.05)
                continue
        return
