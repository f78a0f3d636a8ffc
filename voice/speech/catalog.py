"""Where the end-of-turn model is, and how it gets here."""

from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights.files import Progress
from voice.weights.known import SMART_TURN
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import Source, pull

_HUB = "pipecat-ai/smart-turn-v3"
_FILE = SMART_TURN.files[0].name


def smart_turn_file(models_dir: Path) -> Path:
    """Where Smart Turn is once it has been pulled."""
    return models_dir / "turn" / _FILE


def end_of_turn_file(setting: Path, models_dir: Path) -> Path:
    """The .onnx file that a setting means: a path, or "smart-turn" for the one of the catalogue.

    Raises:
        EngineUnavailable: Smart Turn is asked for and not on this machine, or the package that has it is damaged.
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
    """Get Smart Turn: from the hub, else out of the wheel of pipecat-ai, or from `place` alone. Blocking.

    Args:
        models_dir: it goes to its folder turn.
        progress: told the bytes as they come.
        place: a folder or a mirror's address.
        endpoint: another hub's address; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The .onnx file.

    Raises:
        EngineUnavailable: nobody who has it, a damaged file, or no room on the disk; one line.
    """
    file = smart_turn_file(models_dir)
    source = Source(SMART_TURN.name, _HUB, (_FILE,), (_FILE,), file.parent, SMART_TURN, hub_is_same=True)
    pull(source, models_dir, progress, place=place, endpoint=endpoint)
    return file
