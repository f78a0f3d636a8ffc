"""`glow bench turns`, small: the report says what it measured and how, and the plot is a picture."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli.main import app
from tests.neural import PEOPLE

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_report_plot_and_json(tmp_path: Path) -> None:
    out, svg = tmp_path / "report.md", tmp_path / "plot.svg"
    arguments = ["bench", "turns", "--turns", "20", "--recognised", "1", "--json", "--out", str(out), "--svg", str(svg)]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    known = result["known_transcripts"]
    assert result["voices"] == "synthetic"
    assert known["turns"] == 20
    assert known["at_latency_ms"]["600"]["text_rules"]["mean_ms"] <= 600
    assert known["at_cut_offs"]["0.1"]["silence_timer"]["cut_pauses"] <= 0.1
    for curve in known["curves"].values():
        shares = [point["cut_pauses"] for point in curve]
        assert shares == sorted(shares, reverse=True)
    assert result["recorded_turns"]["pocketsphinx"]["turns"] == 1
    report = out.read_text()
    assert "The voices are synthetic" in report
    assert "plot.svg" in report
    assert "PocketSphinx" in report
    assert ElementTree.fromstring(svg.read_text()).tag.endswith("svg")


def test_too_few_turns_are_refused() -> None:
    assert CliRunner().invoke(app, ["bench", "turns", "--turns", "3"]).exit_code == 2


def test_people_are_heard_by_a_real_recogniser(
    neural_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOW_MODELS_DIR", str(neural_models))
    for name in ("agent-pass", "privacy-incorrect"):
        shutil.copy(PEOPLE / "prompts" / f"{name}.flac", tmp_path)
    out = tmp_path / "report.md"
    ran = CliRunner().invoke(app, ["bench", "turns", "--audio", str(tmp_path), "--json", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert sum(half["turns"] for half in result.values()) == 2
    assert sum(half["pauses"] for half in result.values()) >= 4
    for half in result.values():
        for way in half["ways"].values():
            assert 0 <= way["cut_pauses"] <= 1
            assert 300 <= way["mean_ms"] <= 2500
            low, high = way["ratio_range"]
            assert low <= high
    assert "held-out half" in out.read_text()


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["bench", "turns", "--audio", str(tmp_path)])
    assert ran.exit_code != 0
