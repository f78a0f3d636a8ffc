"""What other programs use of the machine while something is measured."""

import os
import platform
import time
from pathlib import Path

QUIET_CORES, LOOK_S = 0.25, 3.0


class MachineUse:
    """The processor time of all programs but this one and its children that have ended."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._at, self._all, self._own = time.monotonic(), _all_s(), _own_s()

    def others(self) -> float:
        """Return the cores that other programs used since `begin`."""
        elapsed = time.monotonic() - self._at
        return max(0.0, (_all_s() - self._all - (_own_s() - self._own)) / elapsed) if elapsed else 0.0

    def wait_for_quiet(self, most_s: float) -> None:
        """Wait until other programs use less than a quarter of a core, or for `most_s`. Blocking."""
        until = time.monotonic() + most_s
        while time.monotonic() < until:
            self.begin()
            time.sleep(LOOK_S)
            if self.others() < QUIET_CORES:
                return


def model_name() -> str:
    """Return the machine's processor and number of cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def _all_s() -> float:
    fields = Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]
    busy = sum(int(field) for field in fields) - int(fields[3]) - int(fields[4])  # but idle and waiting for a disk
    return busy / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
