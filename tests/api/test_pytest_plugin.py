"""The pytest plugin, used as its users do: an example project, run in a process of its own."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import glow_voice_pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ci-voice-test"

BROKEN = """
call: A greeting that is another
settings: {greet: true}
replies: [{say: Good morning.}]
learner: []
expect:
  history:
    - persona: Good evening.
golden: |
  000.000 turn    turn.prepare revision=7 turn=0
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the plugin is installed as pyproject.toml says."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["pytest11"]
    site = tmp_path / "site" / "glow_voice_for_tests-0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: glow-voice-for-tests\nVersion: 0\n")
    (site / "entry_points.txt").write_text(
        "[pytest11]\n" + "".join(f"{name} = {target}\n" for name, target in declared.items())
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GLOW_", "OPENAI_", "PYTEST_"))}
    return kept | {"PYTHONPATH": f"{site.parent}{os.pathsep}{ROOT}", "GLOW_DATA_DIR": str(tmp_path / "data")}


def run_pytest(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder, as its continuous integration does."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


@pytest.mark.slow
def test_the_example_project_passes(tmp_path: Path, installed: dict[str, str]) -> None:
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    ran = run_pytest(project, installed)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


@pytest.mark.slow
def test_a_failure_shows_what_should_have_come_and_what_came(tmp_path: Path, installed: dict[str, str]) -> None:
    (tmp_path / "greeting.yaml").write_text(BROKEN)
    (tmp_path / "wrong.yaml").write_text("call: no\nlearner:\n  - sya: hello\n")
    (tmp_path / "test_it.py").write_text(
        "def test_diverges(call):\n    call('greeting.yaml')\n\n\ndef test_invalid(call):\n    call('wrong.yaml')\n"
    )
    ran = run_pytest(tmp_path, installed, "--import-mode=importlib")
    assert ran.returncode == 1
    assert "greeting.yaml:8: the history has assistant: 'Good morning.'" in ran.stdout
    assert "-000.000 turn    turn.prepare revision=7 turn=0" in ran.stdout
    assert "+000.000 turn    turn.prepare revision=1 turn=0" in ran.stdout
    assert "wrong.yaml:3: unknown key 'sya'; did you mean 'say'?" in ran.stdout
    assert "Traceback" not in ran.stdout


@pytest.mark.slow
def test_a_project_with_an_api_of_its_own_keeps_it(tmp_path: Path, installed: dict[str, str]) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "__init__.py").write_text("OURS = True\n")
    (tmp_path / "test_it.py").write_text("import api\n\n\ndef test_own():\n    assert api.OURS\n")
    ran = run_pytest(tmp_path, installed)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_a_package_that_hides_ours_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glow_voice_pytest, "find_spec", lambda name: None if name.startswith("models.") else object())
    with pytest.raises(pytest.fail.Exception, match="own 'models' hides Glow Voice's package of that name"):
        glow_voice_pytest._check_that_we_are_not_hidden()
