"""The catalogue of end-of-turn models: where Smart Turn is installed, and how to download it."""

from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights.files import Progress
from voice.weights.known import SMART_TURN
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import WeightSource, pull

_HUB = "pipecat-ai/smart-turn-v3"
_FILE = SMART_TURN.files[0].name


def smart_turn_file(models_dir: Path) -> Path:
    """Return the path to which Smart Turn is downloaded."""
    return models_dir / "turn" / _FILE


def end_of_turn_file(setting: Path, models_dir: Path) -> Path:
    """Return the .onnx file that a setting names: a path, or "smart-turn" for the one of the catalogue.

    Raises:
        EngineUnavailable: Smart Turn is not installed, or the package that contains it is damaged.
    """
    if str(setting) != SMART_TURN.name:
        return setting
    file = smart_turn_file(models_dir)
    if not file.is_file():
        if not is_installed(SMART_TURN):
            raise EngineUnavailable(
                "Smart Turn is not on this machine; run `glow models pull smart-turn`, or unset GLOW_END_OF_TURN_MODEL."
            )
        join_installed(SMART_TURN, file.parent)
    return file


def pull_smart_turn(
    models_dir: Path, progress: Progress | None = None, *, place: str | None = None, endpoint: str | None = None
) -> Path:
    """Download Smart Turn from the model hub, or else from the wheel of pipecat-ai; or only from `place`. Blocking.

    Args:
        models_dir: it is written to its folder turn.
        progress: progress callback.
        place: a folder, or the URL of a mirror.
        endpoint: URL of another model hub; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The .onnx file.

    Raises:
        EngineUnavailable: no source has it, a file is damaged, or the disk is full; one line.
    """
    file = smart_turn_file(models_dir)
    source = WeightSource(SMART_TURN.name, _HUB, (_FILE,), (_FILE,), file.parent, SMART_TURN, hub_is_same=True)
    pull(source, models_dir, progress, place=place, endpoint=endpoint)
    return file
