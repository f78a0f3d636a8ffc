"""`glow bench stt` on a folder of somebody's own recordings."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from api.bench.stt import COST_RECORDINGS, STOCK, STOCK_ONCE, SpokenRecording, measure, of_cost, recordings_in
from api.bench.stt_windows import measure_windows, windows_table
from api.cli.main import app
from api.client.call import ClientError
from tests.voice.sound import RECORDINGS
from voice.errors import EngineUnavailable
from voice.stt.whisper.engine import load_model
from voice.stt.whisper.short_window import FULL_WINDOW
from voice.test_models import WHISPER_NANO

FILLS = (("zeros", False), ("silence", False), ("silence", True))
SAID = "Hello, this is the Records Office. How can I help you?"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(RECORDINGS / "slt/records-office/01.flac", tmp_path / "one.flac")
    (tmp_path / "one.txt").write_text(SAID, "utf-8")
    return tmp_path


def spoken(seconds: float) -> SpokenRecording:
    return SpokenRecording("", np.zeros(round(seconds * 16_000), np.float32), None)


def test_a_file_that_cannot_be_used_is_named_and_the_others_are_measured(folder: Path) -> None:
    soundfile.write(folder / "long.wav", np.zeros(31 * 16_000), 16_000)
    (folder / "broken.wav").write_bytes(b"no sound")
    found, left_out = recordings_in(folder, 10)
    assert [(item.name, item.text) for item in found] == [("one.flac", SAID)]
    assert [sentence.split(" is left out: ")[0] for sentence in left_out] == ["broken.wav", "long.wav"]


@pytest.mark.parametrize("manifest", ["{", '["one.flac"]', '[{"file": "one.flac"}]', "7"])
def test_a_manifest_that_is_none_is_refused_with_what_to_do(folder: Path, manifest: str) -> None:
    (folder / "manifest.json").write_text(manifest, "utf-8")
    with pytest.raises(ClientError, match=r"manifest\.json is no list of .*mend it or remove it"):
        recordings_in(folder, 10)


def test_recordings_in_other_languages_are_left_out(folder: Path) -> None:
    shutil.copy(folder / "one.flac", folder / "uno.flac")
    shutil.copy(folder / "one.flac", folder / "two.flac")
    entries = [{"file": "uno.flac", "text": None, "language": "es"}, {"file": "two.flac", "text": "two"}]
    (folder / "manifest.json").write_text(json.dumps(entries), "utf-8")
    found, left_out = recordings_in(folder, None)
    assert [(item.name, item.text) for item in found] == [("one.flac", SAID), ("two.flac", "two")]
    assert left_out == []


def test_a_folder_without_recordings_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"no recording of 0\.3 to 30 s"):
        recordings_in(tmp_path, 10)


def test_cost_is_measured_on_utterances_of_three_to_five_seconds() -> None:
    lengths = [2.0, 3.0, 4.0, 5.0, 6.0]
    assert [len(item.audio) / 16_000 for item in of_cost([*map(spoken, lengths)])] == [3.0, 4.0, 5.0]
    assert len(of_cost([spoken(1.0)] * 20)) == COST_RECORDINGS


@pytest.mark.slow
def test_random_weights_are_compared_with_one_try_of_the_stock_library(folder: Path) -> None:
    """All that they write looks wrong, and what stock spends on trying again is no one's gain."""
    found, _ = recordings_in(folder, 1)
    model = load_model(WHISPER_NANO, "cpu", "int8", 1)
    rows = measure(model, found, words=False, cap=4)
    assert [row.way for row in rows][-1] == STOCK_ONCE
    assert STOCK not in [row.way for row in rows]
    assert rows[-1].times_less_cpu == 1.0
    heard = measure(model, found, words=True)
    assert [row.way for row in heard][-2:] == [STOCK_ONCE, STOCK]
    assert all(row.word_error is not None for row in heard)


def test_a_folder_that_is_no_model_is_not_to_be_deleted(folder: Path) -> None:
    command = ["bench", "stt", "--audio", str(folder), "--model", str(folder)]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, EngineUnavailable)
    assert "lacks model.bin" in str(result.exception)
    assert "delete" not in str(result.exception)


@pytest.mark.slow
def test_windows_are_compared_by_length_fill_and_prompt(folder: Path) -> None:
    found, _ = recordings_in(folder, None)
    short = SpokenRecording("", found[0].audio[:16_000], "hello")
    model = load_model(WHISPER_NANO, "cpu", "int8", 1)
    rows = measure_windows(model, [*found, short], margins=(256, FULL_WINDOW))
    assert [(row.way, row.fill, row.prompt) for row in rows] == [
        *((way, fill, told) for way in ("margin 256", "30 s") for fill, told in FILLS),
        ("as shipped", "silence", False),
        ("as shipped", "silence", True),
    ]
    assert all(row.short is not None and row.middle is not None and row.long is None for row in rows)
    assert rows[0].cpu_ms < rows[3].cpu_ms, "a short window costs less"
    assert windows_table(rows, "windows").row_count == len(rows)


@pytest.mark.slow
def test_its_json_says_what_was_measured_and_on_what(folder: Path) -> None:
    (folder / "broken.wav").write_bytes(b"no sound")
    command = ["bench", "stt", "--audio", str(folder), "--model", str(WHISPER_NANO), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["recordings"] == 1
    assert report["left_out"][0].startswith("broken.wav is left out")
    assert report["load_before"] >= 0
    assert report["whisper-nano"][0]["way"] == "own window"
