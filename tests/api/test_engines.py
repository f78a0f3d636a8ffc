"""What the service finds out about its engines when it starts."""

import asyncio
from pathlib import Path

import pytest

from api.engines import open_engines, processes_for
from api.settings import Settings
from models.records.core import Persona, VoiceProfile
from tests.voices_piper import make_voice


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
