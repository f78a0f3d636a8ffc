"""`glow bench tts`: every way says the whole sentence, and what it prints can be read by a program."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.bench.tts import STOCK, measure
from api.cli.main import app
from tests.voices_piper import make_voice
from voice.errors import EngineUnavailable


def test_a_pair_is_compared_run_by_run() -> None:
    rows = measure({"all": lambda: iter([(24_000, 24_000)]), "parts": lambda: iter([(8_000, 16_000)] * 2)}, runs=3)
    assert [(row.way, row.seconds, row.times_sooner) for row in rows] == [("all", 1.0, None), ("parts", 1.0, None)]
    paired = measure({STOCK: lambda: iter([(1, 1)])}, runs=3, stock=STOCK)
    assert paired[0].times_sooner == 1.0


def test_every_way_says_the_same_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path))
    voice = make_voice(tmp_path)
    result = CliRunner().invoke(app, ["bench", "tts", "--voice", str(voice), "--runs", "1", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    piper = [row["seconds"] for row in report["rows"][:3]]
    assert report["rows"][0]["way"] == STOCK
    assert piper[0] == pytest.approx(piper[1]) == pytest.approx(piper[2])
    assert [row["way"] for row in report["rows"][3:]] == ["espeak", "piper:nano (a test voice)"]
    assert all(0 < row["first_ms"] <= row["whole_ms"] for row in report["rows"])


def test_a_voice_that_is_not_here_is_named_with_the_command_that_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(app, ["bench", "tts", "--voice", "en_US-amy-medium"])
    assert result.exit_code == 1
    assert "glow models pull en_US-amy-medium" in str(result.exception)


@pytest.mark.parametrize(("name", "says"), [("none.onnx", "There is no file"), ("broken.onnx", "does not describe")])
def test_a_file_that_is_no_voice_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setenv("GLOW_DATA_DIR", str(tmp_path))
    (tmp_path / "broken.onnx").write_bytes(b"no voice")
    (tmp_path / "broken.onnx.json").write_text("{}", "utf-8")
    result = CliRunner().invoke(app, ["bench", "tts", "--voice", str(tmp_path / name)])
    assert isinstance(result.exception, EngineUnavailable)
    assert says in str(result.exception)
