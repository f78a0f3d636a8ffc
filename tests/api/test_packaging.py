"""What the project says about itself is so: versions, the wheel, the notes for contributors, the workflow."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from api.cli import benches
from api.cli import main as cli

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")

KNOWN_INSIDE = {"python-socketio", "python-engineio", "httpx", "faster-whisper", "piper-tts", "uvicorn"}
"""Dependencies of which more is used than their public face."""


def requirements() -> Iterator[Requirement]:
    for line in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        yield Requirement(line)


def pins() -> dict[str, str]:
    """The pinned version of each package on this Python."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    read = [Requirement(line) for line in lines]
    here = [one for one in read if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    pinned = pins()
    for requirement in requirements():
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"pin {name} in constraints.txt"
        assert pinned[name] in requirement.specifier, requirement


def test_what_is_used_beyond_its_public_face_is_bounded_above() -> None:
    bounded = {
        requirement.name for requirement in requirements() if any(one.operator == "<" for one in requirement.specifier)
    }
    assert bounded >= KNOWN_INSIDE


def test_the_workflow_runs_what_a_change_has_to_pass_on_every_python() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    job = workflow["jobs"]["test"]
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    oldest = PROJECT["requires-python"].removeprefix(">=").partition(",")[0]
    assert job["strategy"]["matrix"]["python"] == [oldest, "3.12", "3.13"]


def test_the_hooks_call_the_tools_that_make_check_calls() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    for tool in re.findall(r"\$\(BIN\)/(.*)", recipe("check")):
        name = " ".join(part for part in tool.split()[:2] if not part.startswith("-"))
        assert any(entry.startswith(f".venv/bin/{name}") for entry in entries), name
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}, "nothing is fetched"
    for path in re.findall(r"tests/[\w/]+\.py", " ".join(entries)):
        assert (ROOT / path).exists()


def test_the_notes_for_contributors_name_what_is_there() -> None:
    named = set(re.findall(r"\b(?:tests|scripts|docs|api|pipeline|voice)/[\w/.-]+\.(?:py|yaml|md)\b", CONTRIBUTING))
    missing = [path for path in sorted(named) if not (ROOT / path).exists()]
    assert missing == []
    for target in re.findall(r"\bmake ([\w-]+)", CONTRIBUTING):
        assert recipe(target), target
    for module in re.findall(r"python -m (api[\w.]+|pipeline[\w.]+)", CONTRIBUTING):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("(3, 10)", "needs Python 3.11, 3.12 or 3.13"),
        ("(3, 14)", "needs Python 3.11, 3.12 or 3.13"),
        ("", "There is no "),
    ],
)
def test_a_python_that_will_not_do_is_told_before_anything_is_made(tmp_path: Path, version: str, sentence: str) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    other = tmp_path / "python-other"
    if version:
        # Runs what follows -c as this version would.
        pretends = f"import sys; sys.version_info = {version}; exec(sys.argv[1])"
        other.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{pretends}' \"$2\"\n")
        other.chmod(0o755)
    ran = subprocess.run(["make", "demo", f"PYTHON={other}"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert sentence in ran.stderr
    assert len([line for line in ran.stderr.splitlines() if not line.startswith("make")]) == 1
    assert not (tmp_path / ".venv").exists()


def recipe(target: str) -> str:
    """The commands of a target of the Makefile."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def test_the_changelog_has_the_version_and_what_is_not_released() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1].startswith(f"{PROJECT['version']} - ")
    assert set(re.findall(r"^### (.*)$", changelog, re.MULTILINE)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip


def test_an_installation_says_where_the_benchmarks_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benches, "find_spec", lambda name: None)
    ran = CliRunner().invoke(cli.app, ["bench", "turn"])
    assert ran.exit_code == cli.FAILED
    assert "run them from a checkout" in ran.output


@pytest.mark.slow
def test_the_wheel_is_built_and_installed_as_the_notes_say(tmp_path: Path) -> None:
    source, site = tmp_path / "source", tmp_path / "site"
    for name in ("api", "pipeline", "voice", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "glow_voice_pytest.py"):
        shutil.copy(ROOT / name, source)
    build, install = re.search(r"## The wheel.*?```sh\n(.*?)\n(.*?)\n", CONTRIBUTING, re.DOTALL).groups()  # type: ignore[union-attr]

    run(build.partition("#")[0].replace(".venv/bin/python", shlex.quote(sys.executable)), source)
    (wheel,) = (source / "dist").glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "docs/", "scripts/", "examples/", "api/bench/"))]
    for name in (
        "glow_voice_pytest.py",
        "api/py.typed",
        "models/packs/demo/pack.yaml",
        "voice/recordings/manifest.json",
        "api/doors/pages/static/glow-voice.js",
        "api/doors/pages/static/glow-voice.d.ts",
        "api/doors/pages/static/glow-playback.js",
    ):
        assert name in names
    assert {name for name in names if name.endswith("/nano.onnx")}

    assert install.startswith("pip install dist/glow_voice-*.whl")
    run(f"{shlex.quote(sys.executable)} -m pip install --no-deps --no-index --target {site} {wheel}", tmp_path)
    program = (
        "import api.client; print(api.client.__file__); from api.client import open_call; print(open_call.__name__)"
    )
    where, name = run(f"{shlex.quote(sys.executable)} -c {shlex.quote(program)}", tmp_path, site).split()
    assert Path(where).is_relative_to(site)
    assert name == "open_call"
    call = ROOT / "examples" / "ci-voice-test" / "calls" / "opening-hours.yaml"
    assert "opening-hours" in run(f"{shlex.quote(sys.executable)} {site}/bin/glow replay -q {call}", tmp_path, site)


def run(command: str, folder: Path, site: Path | None = None) -> str:
    """Run a command of a shell, with a folder of packages before the others; returns what it printed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    found = {"PYTHONPATH": str(site)} if site else {}
    ran = subprocess.run(
        command, shell=True, cwd=folder, env={**kept, **found}, capture_output=True, text=True, check=False, timeout=600
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    return ran.stdout
