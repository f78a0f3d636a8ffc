"""Which voices are known, which are on this machine, which one to take, and how to get a better one."""

import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.test_models import PIPER_NANO
from voice.tts.base import Synthesizer
from voice.tts.fixed import fixed_synthesizer

KNOWN_PIPER = (
    "en_US-lessac-medium",
    "en_US-amy-medium",
    "en_US-ryan-medium",
    "en_US-hfc_female-medium",
    "en_US-hfc_male-medium",
    "en_US-kristin-medium",
    "en_US-joe-medium",
    "en_US-libritts_r-medium",
    "en_US-lessac-high",
    "en_GB-alba-medium",
    "en_GB-jenny_dioco-medium",
    "en_GB-northern_english_male-medium",
    "de_DE-thorsten-medium",
    "es_ES-davefx-medium",
    "fr_FR-siwis-medium",
)
"""Well-known voices, the one to take first in front; piper-tts downloads any voice of its own list by name."""

PULL_COMMAND = f"glow models pull {KNOWN_PIPER[0]}"

_MEGABYTES = {"x_low": 28, "low": 63, "medium": 63, "high": 114}
_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and about how many will."""


@dataclass(frozen=True, slots=True)
class OpenAISpeech:
    """Where an OpenAI-compatible speech server is.

    Attributes:
        base_url: such as "https://host/v1"; empty for the `openai` client's own setting.
        api_key: empty for the `openai` client's own setting.
        model, voice: the server's names.
    """

    base_url: str = ""
    api_key: str = ""
    model: str = "gpt-4o-mini-tts"
    voice: str = "alloy"

    def __repr__(self) -> str:
        """Everything but the key, which must reach no log."""
        return f"OpenAISpeech(base_url={self.base_url!r}, model={self.model!r}, voice={self.voice!r})"


def piper_voices(models_dir: Path) -> tuple[Path, ...]:
    """The .onnx files under `models_dir`/piper that have their .onnx.json, best first; test voices last."""
    found = [path for path in (models_dir / "piper").glob("*.onnx") if path.with_name(path.name + ".json").is_file()]
    return tuple(sorted(found, key=lambda path: (is_test_voice(path), _rank(path.stem), path.stem)))


def is_test_voice(model: Path) -> bool:
    """Whether a Piper voice is made for tests: "nano", "test-...", or with "test_voice": true in its description."""
    if model.stem in ("nano", "piper-nano") or model.stem.startswith(("test-", "test_")):
        return True
    try:
        description = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(description, dict) and description.get("test_voice") is True


def choose_synthesizer(
    preference: str = "auto", *, models_dir: Path, openai: OpenAISpeech | None = None
) -> Synthesizer:
    """Load the synthesizer that a setting asks for.

    Args:
        preference: "auto" (Piper if a voice is on the machine and whole, else eSpeak NG), "piper", "piper:NAME" (a
            voice under `models_dir`/piper, or the path of an .onnx file), "espeak" or "openai". Test voices only by
            name, such as "piper:nano", which ships with the service.
        models_dir: where models are kept.
        openai: the server for "openai".

    Raises:
        EngineUnavailable: that engine or voice is not there; the message names the command that gets it.
    """
    kind, _, name = preference.partition(":")
    match kind:
        case "auto" if not name:
            return _best(models_dir)
        case "piper":
            return _piper(name, models_dir)
        case "espeak" if not name:
            from voice.tts.espeak.engine import EspeakSynthesizer

            return EspeakSynthesizer()
        case "fixed":
            return fixed_synthesizer(name)
        case "openai" if not name:
            from voice.tts.openai import OpenAISynthesizer

            server = openai or OpenAISpeech()
            return OpenAISynthesizer(
                model=server.model,
                voice=server.voice,
                base_url=server.base_url or None,
                api_key=server.api_key or None,
            )
    raise EngineUnavailable(
        f"There is no speech engine {preference[:60]!r}; use auto, piper, piper:NAME, espeak or openai."
    )


def pull_piper(name: str, models_dir: Path, progress: Progress | None = None) -> Path:
    """Download a Piper voice through piper-tts's own downloader. Blocking.

    Args:
        name: such as "en_US-lessac-medium".
        models_dir: the voice goes to its folder piper, whole or not at all.
        progress: called about ten times a second.

    Returns:
        The .onnx file.

    Raises:
        EngineUnavailable: no such voice, or the network refuses.
    """
    from urllib.error import HTTPError

    from piper.download_voices import VOICE_PATTERN, download_voice

    if not VOICE_PATTERN.match(name) or "/" in name or "\\" in name:
        raise EngineUnavailable(f"{name[:60]!r} is not the name of a Piper voice; {KNOWN_PIPER[0]} is one.")
    folder = models_dir / "piper"
    folder.mkdir(parents=True, exist_ok=True)
    failures: list[Exception] = []
    # piper-tts takes a file that was cut short for a whole one, so it downloads elsewhere.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pull-") as temporary:
        arriving = Path(temporary)

        def download() -> None:
            try:
                download_voice(name, arriving)
            except Exception as error:  # noqa: BLE001 - raised again below, in the caller's thread
                failures.append(error)
                if isinstance(error, HTTPError):
                    error.close()

        thread = threading.Thread(target=download, name="pull-piper", daemon=True)
        thread.start()
        expected = _MEGABYTES.get(name.rpartition("-")[2], 63) * 1_000_000
        while thread.is_alive():
            thread.join(0.1)
            if progress is not None:
                arrived = sum(path.stat().st_size for path in arriving.iterdir())
                progress(arrived, max(expected, arrived))
        if failures:
            raise EngineUnavailable(_refusal(name, failures[0])) from failures[0]
        for suffix in (".onnx.json", ".onnx"):
            shutil.move(arriving / f"{name}{suffix}", folder / f"{name}{suffix}")
    return folder / f"{name}.onnx"


def _best(models_dir: Path) -> Synthesizer:
    for model in piper_voices(models_dir):
        if is_test_voice(model):
            continue
        from voice.tts.piper.engine import PiperSynthesizer

        try:
            return PiperSynthesizer(model)
        except EngineUnavailable as error:
            _log.warning("%s", error)
    from voice.tts.espeak.engine import EspeakSynthesizer

    return EspeakSynthesizer()


def _piper(name: str, models_dir: Path) -> Synthesizer:
    if name.endswith(".onnx"):
        model = Path(name)
    elif name:
        model = models_dir / "piper" / f"{Path(name).name}.onnx"
        if name == PIPER_NANO.stem and not model.is_file():
            model = PIPER_NANO
    else:
        voices = [path for path in piper_voices(models_dir) if not is_test_voice(path)]
        if not voices:
            raise EngineUnavailable(f"No Piper voice is on this machine; run `{PULL_COMMAND}`.")
        model = voices[0]
    from voice.tts.piper.engine import PiperSynthesizer

    if is_test_voice(model):
        return PiperSynthesizer(model, name=f"piper:{model.stem} (a test voice)")
    return PiperSynthesizer(model)


def _rank(name: str) -> int:
    return KNOWN_PIPER.index(name) if name in KNOWN_PIPER else len(KNOWN_PIPER)


def _refusal(name: str, error: Exception) -> str:
    from urllib.error import HTTPError

    if isinstance(error, HTTPError) and error.code == 404:
        return f"piper-tts knows no voice {name}; `glow models` lists some."
    return f"The network refused the download of {name}; check the connection, then run `glow models pull {name}`."
