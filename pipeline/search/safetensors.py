"""The header of a safetensors file: where each tensor lies.

Source: https://huggingface.co/docs/safetensors (format): 8 bytes little-endian length n, n bytes of JSON, then the raw
little-endian data.
"""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice.errors import EngineUnavailable

_LARGEST_HEADER = 1 << 20
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Tensor:
    """A float32 tensor in a file: shape, and its place in bytes from the beginning of the file."""

    shape: tuple[int, ...]
    offset: int
    size: int


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Return the float32 tensors of a file by name; others, such as position ids, are skipped.

    Raises:
        EngineUnavailable: not a safetensors file, or cut short.
        OSError: it cannot be read.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        try:
            (header,) = struct.unpack("<Q", file.read(8))
            if header > _LARGEST_HEADER:
                raise ValueError("a header of this length")
            listed = json.loads(file.read(header))
            found = {
                name: Tensor(tuple(entry["shape"]), 8 + header + start, end - start)
                for name, entry in listed.items()
                if name != "__metadata__" and entry["dtype"] == "F32"
                for start, end in [entry["data_offsets"]]
            }
        except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EngineUnavailable(f"{path} is not a safetensors file; pull the model again.") from error
    for name, tensor in found.items():
        if tensor.size != _FLOAT_BYTES * math.prod(tensor.shape) or tensor.offset + tensor.size > length:
            raise EngineUnavailable(f"{path} is cut short: {name} is not all there; pull the model again.")
    return found


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Map the float32 tensors of a file into memory, by name.

    Raises:
        EngineUnavailable, OSError: see `tensors_of`.
    """
    return {
        name: np.memmap(path, "<f4", "r", tensor.offset, tensor.shape or (1,))
        for name, tensor in tensors_of(path).items()
    }
