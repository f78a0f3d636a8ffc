"""A cache of a Piper voice's parts, as files beside it, so that a voice is cut once and not at every start."""

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from voice.tts.piper.onnx_cut import cut_at_decoder, cut_at_flow
from voice.tts.piper.onnx_outputs import with_output_of

FOLDER = ".parts"
_SUFFIX = ".v1.onnx"
"""Format version of the cache; files of another version are removed."""

_log = logging.getLogger(__name__)


Model = str | bytes
"""A model for `onnxruntime.InferenceSession`: a file, or bytes if the folder is not writable."""


class Parts(NamedTuple):
    """The parts of a voice that was cut.

    Attributes:
        encoder: has the durations as its second output.
        decoder: maps the encoder's frames to samples.
        text, flow: the encoder cut in two, the durations being the last output of `text`; None without a flow.
    """

    encoder: Model
    decoder: Model
    text: Model | None = None
    flow: Model | None = None


def parts_of(model: Path) -> Parts | None:
    """Return the voice's parts, from the cache or cut anew.

    They are cached in `FOLDER` beside the model, keyed by its size and mtime, each file written atomically.

    Args:
        model: a Piper voice's .onnx file.

    Returns:
        The parts; None if the graph cannot be cut at its decoder.

    Raises:
        ValueError: not an ONNX model, or a truncated one.
        OSError: the file cannot be read.
    """
    about = model.stat()
    folder = model.parent / FOLDER
    prefix = f"{model.stem}-{about.st_size:x}-{about.st_mtime_ns:x}"
    files = [folder / f"{prefix}.{name}{_SUFFIX}" for name in Parts._fields]
    if all(file.is_file() for file in files[:2]):
        return Parts(*(str(file) if file.is_file() else None for file in files))  # type: ignore[arg-type]
    parts = _cut(model.read_bytes())
    if parts is None:
        return None
    try:
        folder.mkdir(exist_ok=True)
        # Write the first two last: if they exist, all do.
        for file, part in reversed(list(zip(files, parts, strict=True))):
            if part is not None:
                _write(file, part)
    except OSError as error:
        _log.info(
            "The parts of %s cannot be cached (%s); the voice is cut again at every start.", model.name, error.strerror
        )
        return Parts(*parts)
    _forget(folder, model.stem, prefix)
    return Parts(*(None if part is None else str(file) for file, part in zip(files, parts, strict=True)))  # type: ignore[arg-type]


def _cut(model: bytes) -> tuple[bytes, bytes, bytes | None, bytes | None] | None:
    halves = cut_at_decoder(model)
    if halves is None:
        return None
    encoder, flow = with_output_of(halves.encoder, "Ceil"), cut_at_flow(halves.encoder)
    if flow is None:
        return encoder, halves.decoder, None, None
    return encoder, halves.decoder, with_output_of(flow.text, "Ceil"), flow.flow


def forget_parts(model: Path) -> None:
    """Remove this model's files from the cache, for instance if they do not load."""
    _forget(model.parent / FOLDER, model.stem, "")


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget(folder: Path, stem: str, keep: str) -> None:
    with contextlib.suppress(OSError):
        for path in folder.glob("*.onnx"):
            name = path.name.rsplit("-", 2)[0]
            kept = keep and path.name.startswith(keep) and path.name.endswith(_SUFFIX)
            if name == stem and not kept:
                path.unlink(missing_ok=True)
