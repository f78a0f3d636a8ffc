"""What the service finds out about its engines when it starts."""

import asyncio
from pathlib import Path

import pytest

from api.engines import open_engines, processes_for
from api.settings import Settings
from models.records.core import Persona, VoiceProfile
from pipeline.tasks.clock import LoopClock
from tests.voices_piper import make_voice
from tests.weights import without_packages
from voice.tts.base import VoiceStyle


def test_personas_whose_voice_is_not_here_are_named(tmp_path: Path) -> None:
    make_voice(tmp_path / "piper", "en_US-joe-medium")
    personas = [
        Persona("1", "Joe"),
        Persona("2", "Lucia", voice=VoiceProfile({"piper": "es_ES-davefx-medium"}, language="es-ES")),
        Persona("3", "Amy", voice=VoiceProfile({"espeak": "en-us+f3"})),
    ]

    async def opened() -> list[str]:
        settings = Settings(_env_file=None, data_dir=tmp_path, models_dir=tmp_path, stt="fixed:0", tts="piper")
        engines = await open_engines(settings)
        engines.check_voices(personas)
        await engines.close()
        return engines.unvoiced

    assert asyncio.run(opened()) == [
        "Lucia: No Piper voice here speaks 'es-ES', so that eSpeak NG does; see `glow models`.",
        "Amy: A woman's voice is asked for, and en_US-joe-medium is not one.",
    ]


@pytest.mark.parametrize(
    ("cores", "device", "processes"), [(1, "cpu", 1), (2, "auto", 1), (4, "auto", 2), (32, "cpu", 2), (32, "cuda", 1)]
)
def test_a_second_recogniser_needs_cores_of_its_own(cores: int, device: str, processes: int) -> None:
    assert processes_for(cores, device) == processes


@pytest.mark.parametrize(("others", "speaks"), [(["en_US-noise-medium"], "piper"), ([], "espeak")])
def test_a_damaged_voice_is_found_when_it_is_loaded_and_the_next_one_speaks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    others: list[str],
    speaks: str,
) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    make_voice(tmp_path / "piper", "en_US-joe-medium").write_bytes(b"cut")
    for name in others:
        make_voice(tmp_path / "piper", name)

    async def warmed() -> tuple[str, str, int]:
        settings = Settings(_env_file=None, data_dir=tmp_path, models_dir=tmp_path, stt="fixed:0", stt_process=False)
        engines = await open_engines(settings)
        at_first = engines.names["tts"]
        await engines.warm(LoopClock())
        heard = [chunk async for chunk in engines.engines.tts.speak("Hello.", VoiceStyle(), 24_000, "call")]
        await engines.close()
        return at_first, engines.names["tts"], sum(len(chunk.audio) for chunk in heard)

    with caplog.at_level("WARNING", logger="voice.tts.catalog"):
        at_first, afterwards, samples = asyncio.run(warmed())
    assert (at_first, afterwards) == ("piper", speaks), "nothing is loaded before the service listens"
    assert samples > 1000
    assert "en_US-joe-medium" in caplog.text
