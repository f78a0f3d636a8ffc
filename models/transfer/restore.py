"""A backup put back: checked first, then beside what is there, and only then in its place."""

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import Connection, inspect

from models import migrations
from models.private import private_file, private_folder, tighten
from models.transfer.backup import DATA, PACKS, ROWS, SQLITE, Counted, Manifest, Places, count, read_only, verify
from models.transfer.copies import copy_file, files_below, private_folder_within, read_sums
from models.transfer.databases import (
    fill,
    in_transaction,
    is_sqlite,
    refuse_running,
    sqlite_file,
    transaction,
)
from models.transfer.dump import DumpRows
from models.transfer.errors import Damaged, NotEmpty, ServiceRuns, TransferFailed
from models.transfer.tables import DatabaseRows, RowSource, TableSum, cross_out_processes, sums_of

_BESIDE = ("", "-wal", "-shm", "-journal")


async def restore(folder: Path, places: Places, *, force: bool) -> Counted:
    """Put a backup back into an empty data directory and database, of either kind.

    Args:
        folder: the backup.
        places: the targets. Content packs come into the data directory.
        force: replace what is there.

    Raises:
        Damaged: the backup is not whole; nothing was changed.
        NotEmpty: there is something already, and `force` is not given.
        TransferFailed: the service runs, a newer version made the backup, or it cannot be written.
    """
    try:
        manifest = await asyncio.to_thread(verify, folder)
        if manifest.revision > migrations.newest():
            raise TransferFailed(f"A newer version ({manifest.version}) made this backup: restore it with that one.")
        await _check_targets(places, force=force)
        private_folder(places.data_dir)
        staged = Path(tempfile.mkdtemp(prefix=".restored.", dir=places.data_dir))
        try:
            await asyncio.to_thread(_stage_files, folder, staged)
            database = await _restore_database(folder, manifest, places, staged, force=force)
            await asyncio.to_thread(_swap, places, staged, database)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise TransferFailed(f"The backup cannot be restored: {error}.") from None
    return count(folder, manifest)


async def _check_targets(places: Places, *, force: bool) -> None:
    there = _to_replace(places)
    if there and not force:
        raise NotEmpty(f"{places.data_dir} is not empty ({there[0].name}): name another, or replace it with --force.")
    if is_sqlite(places.database_url):
        path = sqlite_file(places.database_url)
        if not path.exists():
            return
        if not force:
            raise NotEmpty(f"There is a database {path}: name another, or replace it with --force.")
        try:
            await in_transaction(read_write(path), refuse_running, writes=False)
        except ServiceRuns:
            raise
        except TransferFailed:  # it cannot be read, which is what a backup is for
            return
    else:
        await in_transaction(places.database_url, lambda it: _check_tables(it, force=force), writes=False)


def _check_tables(connection: Connection, *, force: bool) -> None:
    refuse_running(connection)
    if not force and (there := inspect(connection).get_table_names()):
        raise NotEmpty(
            f"The database has tables already, such as {min(there)}: name another, or replace it with --force."
        )


def read_write(path: Path) -> str:
    """Return the URL of a SQLite database in a file."""
    return f"sqlite+aiosqlite:///{path}"


def _to_replace(places: Places) -> list[Path]:
    """List what is in the data directory and no part of the file system, nor models, which no backup has."""
    if not places.data_dir.is_dir():
        return []
    kept = {places.models_dir.absolute(), places.data_dir.absolute() / "lost+found"}
    entries = sorted(places.data_dir.absolute().iterdir())
    return [path for path in entries if path not in kept and not path.name.startswith(".restored.")]


def _stage_files(folder: Path, staged: Path) -> None:
    sums = read_sums(folder)
    for kind, into in ((DATA, staged / "new"), (PACKS, staged / "new" / PACKS)):
        for path in files_below(folder / kind, ()):
            found = copy_file(path, into / path.relative_to(folder / kind))
            if found != sums[path.relative_to(folder).as_posix()]:
                raise Damaged(f"{path.name} changed while it was restored; nothing was changed here.")
    private_folder_within(staged / "new")


async def _restore_database(
    folder: Path, manifest: Manifest, places: Places, staged: Path, *, force: bool
) -> Path | None:
    """Fill the database; a SQLite one beside the place where it belongs, whose path is returned."""
    if not is_sqlite(places.database_url):
        await _fill(folder, manifest, places.database_url, replaces=force)
        return None
    path = staged / "database"
    if (folder / SQLITE).exists():
        await asyncio.to_thread(copy_file, folder / SQLITE, path)
        await in_transaction(read_write(path), lambda it: _take_over(it, manifest), writes=True)
    else:
        private_file(path)
        await _fill(folder, manifest, read_write(path), replaces=False)
    return path


async def _fill(folder: Path, manifest: Manifest, url: str, *, replaces: bool) -> None:
    """Fill a database from the backup's, of the other kind or from its rows, in one transaction."""
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(transaction(url, writes=True))
        into = target.sync_connection
        assert into is not None, "it is open"
        if (folder / ROWS).exists():
            await target.run_sync(_fill_with, DumpRows(folder / ROWS), manifest, replaces)
            return
        source = await stack.enter_async_context(transaction(read_only(folder / SQLITE), writes=False))
        await source.run_sync(lambda it: _fill_with(into, DatabaseRows(it), manifest, replaces))


def _fill_with(connection: Connection, rows: RowSource, manifest: Manifest, replaces: bool) -> None:
    _same(fill(connection, rows, replaces=replaces), manifest)


def _take_over(connection: Connection, manifest: Manifest) -> None:
    _same(sums_of(DatabaseRows(connection)), manifest)
    cross_out_processes(connection)


def _same(found: dict[str, TableSum], manifest: Manifest) -> None:
    for name, total in manifest.sums.items():
        if found.get(name, TableSum()) != total:
            raise Damaged(f"The rows of {name} are not those of the manifest; nothing was changed here.")


def _swap(places: Places, staged: Path, database: Path | None) -> None:
    """Move what is there out of the way, and the restored into its place; back again if that fails."""
    new, old = staged / "new", staged / "old"
    old.mkdir()
    moves = [(path, old / path.name) for path in _to_replace(places)]
    moves += [(path, places.data_dir / path.name) for path in sorted(new.iterdir())]
    if database is not None:
        target = sqlite_file(places.database_url).absolute()
        outside = target.parent != places.data_dir.absolute()
        beside = [target.with_name(target.name + suffix) for suffix in _BESIDE]
        moves += [(path, old / f"database{path.name}") for path in beside if outside and path.exists()]
        moves.append((database, target))
    done: list[tuple[Path, Path]] = []
    try:
        for source, goal in moves:
            private_folder_within(goal.parent)
            shutil.move(source, goal)
            done.append((source, goal))
    except OSError:
        for source, goal in reversed(done):
            shutil.move(goal, source)
        raise
    tighten(places.data_dir)
