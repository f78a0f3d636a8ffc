"""Files copied with their hashes, and the list of hashes that `sha256sum -c` checks. Blocking: call it in a thread."""

import hashlib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from models.files import PART
from models.private import private_folder
from models.transfer.errors import Damaged

SUMS = "SHA256SUMS"

_BLOCK = 1024 * 1024
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_TRIES = 3


def copy_file(source: Path, target: Path) -> str:
    """Copy a file to a new one that only its owner can read, down to the disk; return its hash.

    Raises:
        OSError: one cannot be read, or the other written.
    """
    private_folder_within(target.parent)
    hashed = hashlib.sha256()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with source.open("rb") as read, os.fdopen(descriptor, "wb") as written:
        while block := read.read(_BLOCK):
            hashed.update(block)
            written.write(block)
        written.flush()
        os.fsync(written.fileno())
    return hashed.hexdigest()


def copy_at_rest(source: Path, target: Path) -> str | None:
    """Copy a file that may be written or removed meanwhile; return its hash, or None if it is gone.

    One that changes is copied again, and at last as it is: a recording that grows.
    """
    for attempt in range(_TRIES):
        try:
            before = source.stat()
            found = copy_file(source, target)
            after = source.stat()
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            return None
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns) or attempt == _TRIES - 1:
            return found
        target.unlink()
    return None


def private_folder_within(folder: Path) -> None:
    """Create a folder with mode 0700 unless it is there; an existing one is left as it is."""
    if not folder.exists():
        private_folder(folder)


def hash_of(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path, leave: Collection[Path]) -> Iterator[Path]:
    """Yield the files in a folder, at any depth, but links, files half-written, and what is to be left."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path in leave or path.is_symlink():
            continue
        if path.is_dir():
            yield from files_below(path, leave)
        elif path.is_file() and path.suffix != PART:
            yield path


def write_sums(folder: Path, sums: dict[str, str]) -> None:
    """Write the list of hashes; it is the last file of a backup."""
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(sums.items()))
    path = folder / SUMS
    path.write_text(lines, "utf-8")
    path.chmod(0o600)


def read_sums(folder: Path) -> dict[str, str]:
    """Read the list of hashes by name.

    Raises:
        Damaged: there is none, or it names what lies elsewhere.
    """
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        raise Damaged(f"{folder} is no backup: it has no {SUMS} that can be read.") from None
    sums = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        name = PurePosixPath(found[2]) if found else None
        if found is None or name is None or name.is_absolute() or ".." in name.parts:
            raise Damaged(f"{SUMS} has a line that is none of a backup.")
        sums[found[2]] = found[1]
    return sums


def check_sums(folder: Path, sums: dict[str, str]) -> None:
    """Check that a folder has exactly these files.

    Raises:
        Damaged: one is missing, changed or added.
    """
    there = {path.relative_to(folder).as_posix() for path in _everything(folder)} - {SUMS}
    for name in sorted(there ^ set(sums)):
        what = "is missing from" if name in sums else "does not belong to"
        raise Damaged(f"{name} {what} the backup.")
    for name, expected in sums.items():
        if hash_of(folder / name) != expected:
            raise Damaged(f"{name} was changed since the backup was made.")


def _everything(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            yield path
