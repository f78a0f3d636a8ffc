"""A backup of the database and of the files, made while the service runs; a folder that is whole or not there.

manifest.json       what made it, and the sum of each table
SHA256SUMS          the hash of each file, as `sha256sum -c` reads it
database.sqlite     a SQLite database, or
database.jsonl.gz   the rows of a PostgreSQL database
data/               the files of the data directory: recordings, certificate, satellites
packs/              the content packs
"""

import asyncio
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from models.private import private_file
from models.transfer.copies import (
    SUMS,
    check_sums,
    copy_at_rest,
    files_below,
    hash_of,
    private_folder_within,
    read_sums,
    write_sums,
)
from models.transfer.databases import in_transaction, is_sqlite, sqlite_file
from models.transfer.dump import write_dump
from models.transfer.errors import Damaged, NotEmpty, TransferFailed
from models.transfer.tables import DatabaseRows, TableSum, sums_of

MANIFEST, SQLITE, ROWS, DATA, PACKS = "manifest.json", "database.sqlite", "database.jsonl.gz", "data", "packs"

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where the service's data lies.

    Attributes:
        database_url: the database.
        data_dir: the files.
        models_dir: models and voices, which can be had again and are no part of a backup.
        packs: content packs that the operator added.
    """

    database_url: str
    data_dir: Path
    models_dir: Path
    packs: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        made_at: when the database was read, in ISO 8601.
        version: the version of the service that made it.
        revision: the revision of the database's schema.
        tables: the sum of each table.
        packs: where the content packs were, by the name that they have in the backup.
        format: of the folder.
    """

    made_at: str
    version: str
    revision: str
    tables: dict[str, str]
    packs: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def sums(self) -> dict[str, TableSum]:
        """The sum of each table."""
        return {name: TableSum.read(text) for name, text in self.tables.items()}


@dataclass(frozen=True, slots=True)
class Counted:
    """How much a backup has: rows, files, and their bytes."""

    manifest: Manifest
    rows: int
    files: int
    size: int


async def back_up(places: Places, to: Path, now: datetime, version: str) -> Counted:
    """Make a backup while the service runs; a new folder, only its owner's, whose copies were read again.

    The database is read first, at one moment; so every file that it names is there, unless it was removed meanwhile.

    Raises:
        NotEmpty: there is something at `to`.
        TransferFailed: the database or a file cannot be read, or the backup not be written; nothing is left of it.
    """
    try:
        part = await asyncio.to_thread(_begin, places, to)
        try:
            tables, revision = await _copy_database(places.database_url, part)
            packs = await asyncio.to_thread(_copy_files, places, part)
            manifest = Manifest(now.isoformat(), version, revision, tables, packs)
            await asyncio.to_thread(_finish, part, to, manifest)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except (OSError, sqlite3.Error) as error:
        raise TransferFailed(f"The backup cannot be made: {error}.") from None
    return count(to, manifest)


def _begin(places: Places, to: Path) -> Path:
    """Make the folder that becomes the backup once it is whole."""
    if to.absolute().is_relative_to(places.data_dir.absolute()):
        raise TransferFailed(
            f"{to} is in the data directory, and would be part of the next backup: name another place."
        )
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise NotEmpty(f"There is something at {to}: name a new folder.")
    private_folder_within(to.parent)
    return Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.parent))


async def _copy_database(url: str, part: Path) -> tuple[dict[str, str], str]:
    """Copy the database as it is at one moment; return the sums of its tables, and its revision."""
    if is_sqlite(url):
        source = sqlite_file(url)
        if not source.exists():
            raise TransferFailed(f"There is no database {source}: start the service once.")
        await asyncio.to_thread(_copy_sqlite, source, part / SQLITE)
        url = read_only(part / SQLITE)
        rows = await in_transaction(
            url, lambda it: (sums_of(DatabaseRows(it)), DatabaseRows(it).revision), writes=False
        )
    else:
        rows = await in_transaction(
            url,
            lambda it: (write_dump(part / ROWS, DatabaseRows(it)), DatabaseRows(it).revision),
            writes=False,
            snapshot=True,
        )
    sums, revision = rows
    return {name: str(total) for name, total in sums.items()}, revision


def read_only(path: Path) -> str:
    """Return the URL by which a database in a backup is read, and not changed by that."""
    return f"sqlite+aiosqlite:///file:{quote(str(path))}?mode=ro&immutable=1&uri=true"


def _copy_sqlite(source: Path, target: Path) -> None:
    private_file(target)
    with closing(sqlite3.connect(source, timeout=10)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)
        written.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        ((found, *_), *_) = written.execute("PRAGMA integrity_check").fetchall()
        if found != "ok":
            raise TransferFailed(f"The database is damaged ({found}): restore an earlier backup.")


def _copy_files(places: Places, part: Path) -> dict[str, str]:
    data = places.data_dir.absolute()
    leave = {places.models_dir.absolute()}
    if is_sqlite(places.database_url):
        path = sqlite_file(places.database_url).absolute()
        leave |= {path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")}
    for path in files_below(data, leave):
        copy_at_rest(path, part / DATA / path.relative_to(data))
    packs = {}
    for number, pack in enumerate(pack.absolute() for pack in places.packs):
        if pack.is_relative_to(data):
            continue
        name = f"{number}-{pack.name}"
        packs[name] = str(pack)
        if pack.is_file():
            copy_at_rest(pack, part / PACKS / name)
        for path in files_below(pack, ()):
            copy_at_rest(path, part / PACKS / name / path.relative_to(pack))
    return packs


def _finish(part: Path, to: Path, manifest: Manifest) -> None:
    """Write what the backup says of itself, read all of it again, and give it its name."""
    written = part / MANIFEST
    private_file(written)
    written.write_text(json.dumps(asdict(manifest), indent=1) + "\n", "utf-8")
    sums = {path.relative_to(part).as_posix(): hash_of(path) for path in files_below(part, ())}
    write_sums(part, sums)
    for path in (written, part / SUMS, *part.glob("database.*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    check_sums(part, sums)
    if to.exists():
        to.rmdir()
    part.rename(to)


def verify(folder: Path) -> Manifest:
    """Check that a backup is whole; return what it says of itself.

    Raises:
        Damaged: it is not.
    """
    sums = read_sums(folder)
    try:
        check_sums(folder, sums)
        found = Manifest(**json.loads((folder / MANIFEST).read_text("utf-8")))
        known = found.format == FORMAT and bool(found.sums)
    except (OSError, ValueError, TypeError) as error:
        raise Damaged(f"{folder} cannot be read: {error}.") from None
    if not known:
        raise Damaged(f"{folder} has a form that this version does not know.")
    if not (folder / SQLITE).exists() and not (folder / ROWS).exists():
        raise Damaged(f"{folder} has no database.")
    return found


def count(folder: Path, manifest: Manifest) -> Counted:
    """Count what a backup has."""
    files = [path for kind in (DATA, PACKS) for path in files_below(folder / kind, ())]
    size = sum(path.stat().st_size for path in files_below(folder, ()))
    return Counted(manifest, sum(total.rows for total in manifest.sums.values()), len(files), size)
