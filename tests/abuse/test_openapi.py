"""Every route of the OpenAPI document, with requests that Schemathesis makes of it: none is a failure of the server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import TOKENS, RunningService, unhearing


def schemathesis(service: RunningService, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{service.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {TOKENS['ada']}", "--checks", "not_a_server_error"),
        *("--generation-deterministic", "--continue-on-failure", "--warnings", "off", "--no-color", *options),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=service.inside.settings.data_dir)


def check(done: subprocess.CompletedProcess[str], cases: int) -> None:
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    generated = re.search(r"(\d+) generated", done.stdout)
    assert generated is not None
    assert int(generated[1]) >= cases


@pytest.mark.slow
def test_a_few_requests_to_every_route(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        check(schemathesis(service, "--phases", "fuzzing", "--max-examples", "2"), 250)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_boundary_of_every_parameter(tmp_path: Path) -> None:
    with unhearing(tmp_path) as service:
        check(schemathesis(service, "--phases", "coverage"), 10_000)
