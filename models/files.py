"""Storage of recordings as files in one folder, by id. Blocking: call it in a thread."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from models.errors import Invalid, NotFound, StorageFailed
from models.private import private_file, private_folder, tighten

log = logging.getLogger(__name__)

PART = ".part"
"""The suffix of a file that is being written."""

_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
_BLOCK = 64 * 1024


class Files:
    """A folder of files, named by ids that this service generated.

    Args:
        folder: created with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, file_id: str) -> Path:
        """Return the path of a file, whether it exists or not.

        Raises:
            Invalid: not an id of this service, for instance one that contains a path.
        """
        if not _ID.fullmatch(file_id):
            raise Invalid("The id of a recording has letters, digits and hyphens only.")
        return self._folder / file_id

    def write(self, file_id: str, data: bytes) -> None:
        """Write a file atomically.

        Raises:
            StorageFailed: the disk is full, or cannot be written; nothing is left of it.
        """
        path = self.path(file_id)
        part = path.with_suffix(PART)
        try:
            private_folder(self._folder)
            private_file(part)
            part.write_bytes(data)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            log.error("A file cannot be written: %s", error.strerror)
            raise StorageFailed("The recording cannot be stored at the moment; try again in a while.") from None

    def tighten(self) -> None:
        """Take what is there from everybody but its owner."""
        tighten(self._folder)
        for path in self._folder.glob("*"):
            tighten(path)

    def ending(self, *suffixes: str) -> list[Path]:
        """List the files whose names end in one of these suffixes."""
        return sorted(path for suffix in suffixes for path in self._folder.glob(f"*{suffix}"))

    def read(self, file_id: str) -> bytes:
        """Read a whole file.

        Raises:
            NotFound: the file is gone.
        """
        try:
            return self.path(file_id).read_bytes()
        except FileNotFoundError:
            raise NotFound("The recording's file is gone: upload it again.") from None

    def remove(self, file_ids: Iterable[str]) -> None:
        """Remove those of the files that exist; no file has an id that is none of this service."""
        for file_id in filter(_ID.fullmatch, file_ids):
            self.path(file_id).unlink(missing_ok=True)

    def blocks(self, file_id: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of the range [start, end)."""
        try:
            with self.path(file_id).open("rb") as file:
                file.seek(start)
                while start < end and (block := file.read(min(_BLOCK, end - start))):
                    start += len(block)
                    yield block
        except FileNotFoundError:
            raise NotFound("The recording's file is gone: upload it again.") from None
