"""Which recognisers are known, which are on this machine, and how a Whisper model gets here."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from voice.errors import EngineUnavailable

Progress = Callable[[int, int], None]
"""Told how many bytes are here, of how many."""


@dataclass(frozen=True, slots=True)
class Model:
    """One recogniser that can be chosen by name.

    Attributes:
        kind: "stt".
        name: what a setting or `glow models pull` calls it.
        engine: "whisper" or "pocketsphinx".
        description: one line for people.
        size_mb: on disk.
        path: where it is on this machine; None when it is not here.
        repository: where it comes from on the Hugging Face hub; empty when it comes with its wheel.
    """

    kind: str
    name: str
    engine: str
    description: str
    size_mb: int
    path: Path | None = None
    repository: str = ""


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
_FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]


def stt_models(models_dir: Path) -> list[Model]:
    """Every known recogniser, those of the service's own choice first; `path` tells which are on this machine.

    Looks at files only; imports no engine.

    Args:
        models_dir: where pulled models are kept.
    """
    models = [
        Model(
            "stt", f"whisper:{name}", "whisper", text, size, _whisper_folder(name, repository, models_dir), repository
        )
        for name, repository, size, text in _WHISPER
    ]
    spec = find_spec("pocketsphinx")
    inside = Path(spec.origin).parent / "model" if spec is not None and spec.origin else None
    models.append(Model("stt", "pocketsphinx", "pocketsphinx", "English, comes with the service", 60, inside))
    return models


def installed(models_dir: Path) -> list[Model]:
    """The recognisers on this machine, the one that `auto` takes first."""
    return [model for model in stt_models(models_dir) if model.path is not None]


def pull_whisper(name: str, models_dir: Path, progress: Progress | None = None, *, endpoint: str | None = None) -> Path:
    """Download a Whisper model. Blocking.

    Args:
        name: as in `stt_models`, with or without "whisper:".
        models_dir: the model goes to `whisper/<name>` inside it.
        progress: told the bytes as they come; without one the downloader draws its own bars on the terminal.
        endpoint: another hub's address, for a mirror; the Hugging Face hub (or HF_ENDPOINT) by default.

    Returns:
        The model's folder.

    Raises:
        EngineUnavailable: an unknown name, no network, or no room on the disk; one line.
    """
    name = name.removeprefix("whisper:")
    repository = {known: where for known, where, *_ in _WHISPER}.get(name)
    if repository is None:
        known = ", ".join(known for known, *_ in _WHISPER)
        raise EngineUnavailable(f"There is no Whisper model {name!r}; choose one of {known}.")
    from huggingface_hub import snapshot_download

    folder = models_dir / "whisper" / name
    bars: dict[str, Any] = {} if progress is None else {"tqdm_class": _reporting_to(progress)}
    try:
        snapshot_download(repository, local_dir=folder, allow_patterns=_FILES, endpoint=endpoint, **bars)
    except Exception as error:
        raise EngineUnavailable(
            f"Cannot download {repository} ({type(error).__name__}); "
            f"check the network, or copy the model's files to {folder}."
        ) from error
    if not _complete(folder):
        raise EngineUnavailable(
            f"The download of {repository} is not complete; run `glow models pull whisper:{name}` again."
        )
    return folder


def _whisper_folder(name: str, repository: str, models_dir: Path) -> Path | None:
    snapshots = _hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots"
    candidates = [models_dir / "whisper" / name]
    if snapshots.is_dir():
        candidates += sorted(snapshots.iterdir())
    return next(filter(_complete, candidates), None)


def _complete(folder: Path) -> bool:
    return all((folder / file).is_file() for file in ("model.bin", "config.json", "tokenizer.json"))


def _hub_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _reporting_to(progress: Progress) -> type:
    tqdm: Any = import_module("tqdm.auto").tqdm  # comes with the hub's client, without types

    class Reporting(tqdm):  # type: ignore[misc]
        """Tells the bytes instead of drawing them; bars that count files stay silent."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._bytes = options.get("unit") == "B"
            options.pop("name", None)
            super().__init__(*arguments, **{**options, "disable": True})
            self._here = options.get("initial", 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._here += n or 0
            if self._bytes and self.total:
                progress(int(self._here), int(self.total))
            return None

    return Reporting
