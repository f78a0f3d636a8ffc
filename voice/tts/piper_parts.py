"""The halves of a Piper voice as files beside it, so that a voice is cut once and not at every start."""

import contextlib
import logging
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from voice.tts.onnx_cut import cut_at_decoder
from voice.tts.onnx_outputs import with_output_of

FOLDER = ".halves"

_log = logging.getLogger(__name__)


class Parts(NamedTuple):
    """Two models for `onnxruntime.InferenceSession`: files, or bytes where the folder cannot be written."""

    encoder: str | bytes
    decoder: str | bytes


def parts_of(model: Path) -> Parts | None:
    """The voice's encoder, with the durations as its second output, and its decoder.

    They are kept in `FOLDER` beside the model, under its size and time of change, each written whole or not at all.

    Args:
        model: a Piper voice's .onnx file.

    Returns:
        None where the graph cannot be cut at its decoder.

    Raises:
        ValueError: not an ONNX model, or one cut short.
        OSError: it cannot be read.
    """
    about = model.stat()
    folder = model.parent / FOLDER
    prefix = f"{model.stem}-{about.st_size:x}-{about.st_mtime_ns:x}"
    encoder, decoder = folder / f"{prefix}.encoder.onnx", folder / f"{prefix}.decoder.onnx"
    if encoder.is_file() and decoder.is_file():
        return Parts(str(encoder), str(decoder))
    halves = cut_at_decoder(model.read_bytes())
    if halves is None:
        return None
    timed = with_output_of(halves.encoder, "Ceil")
    try:
        folder.mkdir(exist_ok=True)
        _write(encoder, timed)
        _write(decoder, halves.decoder)
    except OSError as error:
        _log.info("The halves of %s are not kept (%s); it is cut anew at every start.", model.name, error.strerror)
        return Parts(timed, halves.decoder)
    _forget(folder, model.stem, prefix)
    return Parts(str(encoder), str(decoder))


def forget_parts(model: Path) -> None:
    """Remove what is kept of this model, such as files that do not load."""
    _forget(model.parent / FOLDER, model.stem, "")


def _write(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".half-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget(folder: Path, stem: str, keep: str) -> None:
    with contextlib.suppress(OSError):
        for path in folder.glob("*coder.onnx"):
            name = path.name.rsplit("-", 2)[0]
            if name == stem and not (keep and path.name.startswith(keep)):
                path.unlink(missing_ok=True)
