"""The catalogue of sentence models: where MiniLM is installed, and how to download it."""

from pathlib import Path

from pipeline.search.sentence_model import WEIGHTS_FILE, WORDS_FILE, SentenceModel, check
from voice.weights.files import Progress
from voice.weights.known import MINILM
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import WeightSource, pull

_HUB = "sentence-transformers/all-MiniLM-L6-v2"
_FILES = (WORDS_FILE, WEIGHTS_FILE)


def minilm_folder(models_dir: Path) -> Path:
    """Return the folder to which MiniLM is downloaded."""
    return models_dir / "sentences" / MINILM.name


def has_minilm(models_dir: Path) -> bool:
    """Return whether MiniLM can be used without the network; checks files only."""
    folder = minilm_folder(models_dir)
    return all((folder / name).is_file() for name in _FILES) or is_installed(MINILM)


def load_minilm(models_dir: Path) -> SentenceModel:
    """Load MiniLM, from its installed package where it was not downloaded. Blocking: half a second.

    Raises:
        EngineUnavailable: it is not installed, or damaged; the message says what to do.
    """
    folder = minilm_folder(models_dir)
    if not (folder / WEIGHTS_FILE).is_file() and is_installed(MINILM):
        join_installed(MINILM, folder)
    return SentenceModel(folder)


def pull_minilm(
    models_dir: Path, progress: Progress | None = None, *, place: str | None = None, endpoint: str | None = None
) -> Path:
    """Download MiniLM from the model hub, or else from the package index; or only from `place`. Blocking.

    What the runtime computes of it is compared with numpy's result.

    Args:
        models_dir: it is written to its folder sentences/minilm.
        progress: progress callback.
        place: a folder, or the URL of a mirror.
        endpoint: URL of another model hub; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The folder.

    Raises:
        EngineUnavailable: no source has it, a file is damaged, the disk is full, or it computes nonsense; one line.
    """
    folder = minilm_folder(models_dir)
    source = WeightSource(MINILM.name, _HUB, _FILES, _FILES, folder, MINILM, hub_is_same=True)
    pull(source, models_dir, progress, place=place, endpoint=endpoint)
    check(SentenceModel(folder), folder)
    return folder
