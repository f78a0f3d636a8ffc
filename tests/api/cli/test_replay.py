"""`glow replay`: what it prints, what it writes, and with which exit code it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli.main import app

CALL = """# Somebody types.
call: A typed hello
replies:
  - say: Good morning.
learner:
  - type: Hello.
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "hello.yaml"
    file.write_text(CALL)
    return file


def glow(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def test_a_call_that_goes_well(file: Path) -> None:
    ran = glow(file)
    assert ran.exit_code == 0
    assert '000.000 learner learner.types text="Hello."' in ran.stdout
    assert "reply.ended turn=1" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith(f"{file}: ok (")


@pytest.mark.slow
def test_update_makes_a_golden_part_that_holds(file: Path) -> None:
    assert "golden part was rewritten" in glow("--update", "--quiet", file).stdout
    assert file.read_text().startswith(CALL)
    assert glow(file).exit_code == 0
    assert "rewritten" not in glow("--update", "--quiet", file).stdout


@pytest.mark.slow
def test_a_call_that_goes_another_way_is_shown_as_a_diff(file: Path) -> None:
    glow("--update", "--quiet", file)
    file.write_text(file.read_text().replace('heard="Good morning."', 'heard="Good evening."'))
    ran = glow("--quiet", file)
    assert ran.exit_code == 1
    assert f"{file}: DIVERGED" in ran.stdout
    lines = [line.strip() for line in ran.stdout.splitlines()]
    assert any(line.startswith("-0") and 'heard="Good evening."' in line for line in lines)
    assert any(line.startswith("+0") and 'heard="Good morning."' in line for line in lines)
    assert glow("--quiet", "--time", "measured", file).exit_code == 0


def test_a_file_that_is_no_call_ends_with_2_and_the_others_are_replayed(file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("call: x\nlearner:\n  - say: nothing.wav\n")
    ran = glow(wrong, file)
    assert ran.exit_code == 2
    assert f"{wrong}:3: the recording 'nothing.wav' cannot be read" in ran.stderr
    assert f"{file}: ok" in ran.stdout


def test_json_and_picture(file: Path, tmp_path: Path) -> None:
    drawing = tmp_path / "pictures" / "hello.svg"
    ran = glow("--json", "--picture", drawing, file)
    (told,) = json.loads(ran.stdout)
    assert told["ok"] is True
    assert told["timeline"][0] == {"at_ms": 0, "who": "learner", "event": "learner.types", "text": "Hello."}
    assert [line["text"] for line in told["history"]] == ["Hello.", "Good morning."]
    assert drawing.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    "arguments", [["--time", "slow"], ["--update", "--time", "measured"], ["--picture", "x.svg", "y"]]
)
def test_options_that_cannot_be(file: Path, arguments: list[str]) -> None:
    assert glow(*arguments, file).exit_code == 2
