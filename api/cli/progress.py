"""Progress bars on the terminal, for downloads and for weights that are joined."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voice.weights.files import Progress


@contextmanager
def byte_bar(name: str) -> "Iterator[Progress]":
    """Draw a progress bar of bytes until the end of the block, if there is a terminal."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(name, markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    bar = Progress(*columns, transient=True, disable=not sys.stdout.isatty())
    with bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def join_packaged(models_dir: Path, *, stt: str, tts: str, language: str | None) -> list[str]:
    """Join the weights of installed packages that these settings use, with a progress bar, before a service starts.

    Args:
        models_dir: target directory.
        stt, tts: the settings.
        language: language of the speech; None to detect it.

    Returns:
        A sentence for each that cannot be joined.
    """
    from voice.errors import EngineUnavailable
    from voice.stt.catalog import on_this_machine
    from voice.stt.choose import to_join
    from voice.tts.catalog import bring_packaged, packaged_voices

    sentences = []
    try:
        if (model := to_join(stt, models_dir=models_dir, language=language)) is not None:
            with byte_bar(f"joining {model.name}") as progress:
                on_this_machine(model, models_dir, progress)
    except EngineUnavailable as error:
        sentences.append(str(error))
    try:
        if tts in ("auto", "piper") and packaged_voices(models_dir):
            with byte_bar("copying the voice") as progress:
                bring_packaged(models_dir, progress)
    except EngineUnavailable as error:
        sentences.append(str(error))
    return sentences
