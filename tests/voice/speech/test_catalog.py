"""Where Smart Turn is, and what is said where it is not."""

import zipfile
from pathlib import Path

import pytest

from tests.weights import without_packages
from voice.errors import EngineUnavailable
from voice.speech.catalog import end_of_turn_file, pull_smart_turn, smart_turn_file

NAME = Path("smart-turn")
FILE = "smart-turn-v3.2-cpu.onnx"


@pytest.fixture(autouse=True)
def no_packages_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")


def test_a_path_is_that_file(tmp_path: Path) -> None:
    assert end_of_turn_file(tmp_path / "mine.onnx", tmp_path) == tmp_path / "mine.onnx"


def test_the_catalogues_name_is_the_pulled_file_or_the_command_that_gets_it(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="glow models pull smart-turn"):
        end_of_turn_file(NAME, tmp_path)
    smart_turn_file(tmp_path).parent.mkdir()
    smart_turn_file(tmp_path).touch()
    assert end_of_turn_file(NAME, tmp_path) == smart_turn_file(tmp_path) == tmp_path / "turn" / FILE


def test_a_damaged_package_is_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "site-packages" / "pipecat" / "audio" / "turn" / "smart_turn" / "data"
    data.mkdir(parents=True)
    (data / FILE).write_bytes(b"cut")
    with pytest.raises(EngineUnavailable, match=r"smart-turn-v3\.2-cpu\.onnx of pipecat-ai has 3 bytes instead of"):
        end_of_turn_file(NAME, tmp_path)


def test_another_model_in_the_wheel_is_not_taken(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pipecat_ai-1.14.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"pipecat/audio/turn/smart_turn/data/{FILE}", bytes(8_679_182))
    with pytest.raises(EngineUnavailable, match=r"smart-turn-v3\.2-cpu\.onnx of pipecat-ai is damaged or another file"):
        pull_smart_turn(tmp_path / "models", place=str(tmp_path))
    assert not smart_turn_file(tmp_path / "models").exists()
