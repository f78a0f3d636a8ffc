"""The unit for systemd: taken by systemd, closed, and patient with calls."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.settings import unknown_variables
from tests.deploy.patience import patience

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "glow-voice.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    text = UNIT.read_text("utf-8").replace("/opt/glow-voice/bin/glow", "/bin/true")
    path = tmp_path / "glow-voice.service"
    path.write_text(text)
    return path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False, env={"SYSTEMD_LOG_LEVEL": "info"}
    )


def test_systemd_takes_the_unit(unit: Path) -> None:
    ran = analyze("verify", unit)
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if "glow-voice" in line]) == (0, [])
    unit.write_text(unit.read_text().replace("Restart=always", "Restartt=always"))
    assert "Restartt" in analyze("verify", unit).stderr


def test_the_unit_may_do_little_and_has_the_time_to_end_its_calls(unit: Path) -> None:
    ran = analyze("security", "--offline=true", "--threshold=20", unit)
    if "unrecognized option" in ran.stderr:
        pytest.skip("this systemd cannot judge a file")
    assert ran.returncode == 0, ran.stdout[-300:]
    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
    assert float(seconds) >= patience()
    assert "KillMode=mixed" in unit.read_text()
    users = (DEPLOY / "systemd" / "glow-voice.sysusers").read_text().split()
    assert users[:2] == ["u", "glow-voice"]
    assert f"User={users[1]}" in unit.read_text()


def test_the_variables_of_the_unit_are_settings() -> None:
    named = dict.fromkeys(re.findall(r"\b(GLOW_\w+)\b", UNIT.read_text("utf-8")), "")
    assert unknown_variables(named) == []
    assert {"GLOW_DATA_DIR", "GLOW_SECRETS_DIR"} <= set(named)
