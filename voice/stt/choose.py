"""The choice of the recogniser, by one setting and what is installed."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypedDict

from voice.errors import EngineUnavailable
from voice.stt.base import Transcriber
from voice.stt.catalog import Model, on_this_machine, stt_models
from voice.stt.fixed import fixed_transcriber
from voice.stt.openai import OpenAITranscriber
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.whisper.short_window import Fill, zeros_of
from voice.test_models import WHISPER_NANO

_log = logging.getLogger(__name__)

BETTER = "glow models pull whisper:base"
"""The command that installs a better recogniser than the embedded one."""


def choose_transcriber(
    preference: str = "auto",
    *,
    models_dir: Path,
    language: str | None = "en",
    device: str = "auto",
    compute_type: str = "default",
    cpu_threads: int = 2,
    window: Literal["short", "full"] = "short",
    decoders: int = 2,
    openai: Callable[[], Transcriber] = OpenAITranscriber,
) -> Transcriber:
    """Create the transcriber that a setting names; its engine is imported and loaded on first use.

    Args:
        preference: "auto" (the first installed Whisper model of the catalogue, else PocketSphinx), "pocketsphinx",
            "whisper" (the best one installed), "whisper:NAME" (of the catalogue), "whisper:FOLDER", "openai", or
            "fixed:MS" (for load tests). A model inside installed packages is joined into `models_dir` first, once.
        models_dir: directory of the downloaded models.
        language: BCP 47 tag; None detects it. A language other than English excludes the English-only models.
        device, compute_type, cpu_threads, window: for Whisper; see `FasterWhisper`.
        decoders: for PocketSphinx; see there.
        openai: factory of the transcriber for "openai".

    Raises:
        EngineUnavailable: the model is not installed; the message says how to install it.
    """
    engine, _, name = preference.partition(":")
    if engine == "openai" and not name:
        return openai()
    if engine == "fixed":
        return fixed_transcriber(name)
    if preference == "pocketsphinx":
        return PocketSphinx(decoders)
    if engine not in {"auto", "whisper"} or (engine == "auto" and name):
        raise EngineUnavailable(
            f"There is no recogniser {preference!r}; choose auto, pocketsphinx, whisper, whisper:NAME or openai."
        )
    try:
        folder, label = _whisper(name, models_dir, english=language == "en")
    except EngineUnavailable as error:
        if engine != "auto":
            raise
        _log.warning("%s Until then pocketsphinx hears.", error)
        folder, label = None, ""
    if folder is not None:
        return FasterWhisper(
            folder,
            label=label,
            language=language,
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads,
            prompts=folder != WHISPER_NANO,
            window=window,
            **_window_of(folder),
        )
    if engine == "auto":
        return PocketSphinx(decoders)
    raise EngineUnavailable(f"The model {preference!r} is not on this machine; get one with `{BETTER}`.")


class _Window(TypedDict, total=False):
    margin: int
    fill: Fill


def _window_of(folder: Path) -> _Window:
    """Return the window options of a model; the test model needs those that it was trained with."""
    return {"margin": 256, "fill": zeros_of} if folder == WHISPER_NANO else {}


def to_join(preference: str, *, models_dir: Path, language: str | None = "en") -> Model | None:
    """Return the model that `choose_transcriber` would join from installed packages first, or None."""
    engine, _, name = preference.partition(":")
    if preference != "auto" and engine != "whisper":
        return None
    model = _listed(name, models_dir, english=language == "en")
    return model if model is not None and model.path is None else None


def _whisper(name: str, models_dir: Path, *, english: bool) -> tuple[Path | None, str]:
    if name == "nano":
        return WHISPER_NANO, "nano (a test model)"
    listed = _listed(name, models_dir, english=english)
    if listed is not None:
        return on_this_machine(listed, models_dir), listed.name.removeprefix("whisper:")
    folder = Path(name).expanduser()
    return (folder, folder.name) if name and folder.is_dir() else (None, name)


def _listed(name: str, models_dir: Path, *, english: bool) -> Model | None:
    """Return the installed model of this name; without a name, the best one for the language."""
    for model in stt_models(models_dir):
        if model.engine != "whisper" or not model.is_here:
            continue
        speaks_it = english or (not model.name.endswith(".en") and "distil" not in model.name)
        if model.name == f"whisper:{name}" if name else speaks_it:
            return model
    return None
