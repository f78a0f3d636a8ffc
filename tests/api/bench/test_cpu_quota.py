"""Quotas by cgroup: what is written, and that a process has no more than its share, where a group can be made."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.bench.cpu_quota import CpuGroup, Throttling, cpu_group

BURN = "import time\ninput()\nwhile time.process_time() < 0.5: pass\n"


def test_a_process_takes_as_long_as_its_quota_allows() -> None:
    with cpu_group() as group:
        if group is None:
            pytest.skip("no cgroup can be made here")
        group.limit(0.25, 10)
        before = group.throttling()
        child = subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE)
        group.take([child.pid])
        began = time.monotonic()
        child.communicate(b"\n")
        took = time.monotonic() - began
        assert child.returncode == 0
        # What the interpreter used before it was told to begin counts among its 0.5 s.
        assert took > 0.4 / 0.25
        assert group.throttling().share_since(before) > 0.5


def test_a_group_is_gone_afterwards_and_has_no_quota_at_first() -> None:
    with cpu_group() as group:
        if group is None:
            pytest.skip("no cgroup can be made here")
        folder = group.folder
        assert group.throttling() == Throttling(0, 0)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("unified", "cores", "written"),
    [
        (True, 0.3, {"cpu.max": "3000 10000"}),
        (True, None, {"cpu.max": "max 10000"}),
        (False, 0.3, {"cpu.cfs_period_us": "10000", "cpu.cfs_quota_us": "3000"}),
        (False, None, {"cpu.cfs_period_us": "10000", "cpu.cfs_quota_us": "-1"}),
        (True, 0.05, {"cpu.max": "1000 10000"}),
    ],
    ids=["version 2", "version 2 without", "version 1", "version 1 without", "the kernel's least"],
)
def test_both_versions_are_told_the_quota(
    tmp_path: Path, unified: bool, cores: float | None, written: dict[str, str]
) -> None:
    CpuGroup(tmp_path, unified=unified).limit(cores, 10)
    assert {path.name: path.read_text("ascii") for path in tmp_path.iterdir()} == written


@pytest.mark.parametrize("own", ["0::/\n", "1:cpu:/\n", ""])
def test_where_nothing_is_mounted_there_is_no_group(tmp_path: Path, own: str) -> None:
    mounts, groups = tmp_path / "mounts", tmp_path / "cgroup"
    mounts.write_text("proc /proc proc rw 0 0\n", "ascii")
    groups.write_text(own, "ascii")
    with cpu_group(mounts, groups) as group:
        assert group is None


def test_a_group_of_version_2_is_made_in_ones_own_and_takes_over_the_controller(tmp_path: Path) -> None:
    own = tmp_path / "user.slice"
    own.mkdir()
    for name, value in (("cgroup.controllers", "cpu memory"), ("cgroup.subtree_control", "memory")):
        (own / name).write_text(value, "ascii")
    mounts, groups = tmp_path / "mounts", tmp_path / "cgroup"
    mounts.write_text(f"cgroup2 {tmp_path} cgroup2 rw 0 0\n", "utf-8")
    groups.write_text("0::/user.slice\n", "ascii")
    with cpu_group(mounts, groups) as group:
        assert group is not None
        assert group.folder.parent == own
        assert (own / "cgroup.subtree_control").read_text("ascii") == "+cpu"
    assert not group.folder.exists()
