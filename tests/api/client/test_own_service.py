"""What a child process costs is told while its threads come and go."""

import subprocess
import sys

import pytest

from api.client.own_service import OwnService

CHURN = """
import subprocess, sys, threading
lasting = subprocess.Popen(["sleep", "60"])
print(lasting.pid, flush=True)
while True:
    threads = [threading.Thread(target=int) for _ in range(20)]
    for thread in threads:
        thread.start()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it through /proc")
def test_threads_that_end_meanwhile_hide_neither_the_process_nor_its_children() -> None:
    with subprocess.Popen([sys.executable, "-c", CHURN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            service = OwnService("", "", process.pid, 0.0)
            for _ in range(300):
                assert service.engines_cpu_s() is not None
                assert service.pids() == [process.pid, child]
        finally:
            process.kill()
            subprocess.run(["kill", str(child)], check=False)
