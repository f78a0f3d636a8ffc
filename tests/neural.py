"""Real weights and people who speak: for tests of what toy models cannot show."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice.audio.containers import decode_file
from voice.stt.whisper.engine import FasterWhisper
from voice.weights.known import PIPER_JOE, WHISPER_BASE
from voice.weights.packaged import is_installed, join_installed

PEOPLE = Path(__file__).parent / "audio" / "human"


@dataclass(frozen=True)
class Spoken:
    """A recording of a person: its name, what is said in it, and its samples at 16 kHz."""

    name: str
    text: str
    audio: NDArray[np.float32]


def people(folder: str) -> list[Spoken]:
    """The recordings of "prompts", "words" or "failing"."""
    entries = json.loads((PEOPLE / "manifest.json").read_text("utf-8"))
    return [
        Spoken(
            Path(entry["file"]).stem, entry["text"], decode_file((PEOPLE / entry["file"]).read_bytes(), max_seconds=30)
        )
        for entry in entries
        if entry["file"].startswith(f"{folder}/")
    ]


def names() -> list[tuple[str, str, NDArray[np.float32]]]:
    """Sentences with names in them: what is said, the call's vocabulary, and the samples at 16 kHz."""
    folder = PEOPLE.parent / "names"
    entries = json.loads((folder / "manifest.json").read_text("utf-8"))
    return [
        (entry["text"], entry["vocabulary"], decode_file((folder / entry["file"]).read_bytes(), max_seconds=30))
        for entry in entries
    ]


@pytest.fixture(scope="session")
def neural_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with Whisper base and Piper's joe, out of the packages of the extra `neural`."""
    if not (is_installed(WHISPER_BASE) and is_installed(PIPER_JOE)):
        pytest.skip("the extra `neural` is not installed; `make test-slow` installs it")
    folder = tmp_path_factory.mktemp("neural")
    join_installed(WHISPER_BASE, folder / "whisper" / "base")
    join_installed(PIPER_JOE, folder / "piper")
    return folder


@pytest.fixture(scope="session")
def whisper_base(neural_models: Path) -> FasterWhisper:
    """Whisper base as the service runs it, on one thread."""
    return FasterWhisper(
        neural_models / "whisper" / "base", label="base", device="cpu", compute_type="int8", cpu_threads=1
    )


def in_languages() -> list[tuple[str, NDArray[np.float32]]]:
    """Prompts of more than 2 s: their language, and the samples at 16 kHz."""
    files = sorted((PEOPLE / "languages").glob("*/*.flac"))
    return [(file.parent.name, decode_file(file.read_bytes(), max_seconds=30)) for file in files]
