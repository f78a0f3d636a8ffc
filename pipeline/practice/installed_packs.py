"""The content packs of the service: installed at its start, and read again from disk when they have changed."""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import InvalidPack
from models.packs import Pack, load_pack
from models.records.core import Document, Persona, Practice, Scenario, Simulation
from models.records.resources import Resource
from models.store import Store

log = logging.getLogger(__name__)

Record = Persona | Scenario | Simulation | Practice | Document | Resource


@dataclass(frozen=True, slots=True)
class ChangedRecord:
    """A record that is new, or is not as it was: its kind, such as "persona", its id and name."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Reread:
    """What came of reading the packs again.

    Attributes:
        changed: the records that were installed, as they had changed.
        problems: of packs that could not be read, and stay as they were: "file:line: reason".
    """

    changed: tuple[ChangedRecord, ...] = ()
    problems: tuple[str, ...] = ()


class InstalledPacks:
    """Installs packs, and reads again those whose files have changed.

    Args:
        store: where they are installed.
        paths: files, or folders of files.
    """

    def __init__(self, store: Store, paths: Sequence[Path]) -> None:
        self._store = store
        self._paths = tuple(paths)
        self._files: dict[Path, object] = {}
        self._records: dict[Path, dict[tuple[str, str], bytes]] = {}
        self._reading = asyncio.Lock()

    async def install(self) -> None:
        """Install every pack.

        Raises:
            InvalidPack: one cannot be read; it lists every problem.
            Invalid: it refers to something that is neither in it nor installed.
        """
        for path in self._paths:
            await self._install(path, await asyncio.to_thread(_files_of, path))

    async def reread(self) -> Reread:
        """Install what has changed on disk; nothing is removed, as chats may refer to it."""
        changed: list[ChangedRecord] = []
        problems: list[str] = []
        async with self._reading:
            for path in self._paths:
                files = await asyncio.to_thread(_files_of, path)
                if files == self._files.get(path):
                    continue
                try:
                    changed += await self._install(path, files)
                except InvalidPack as error:
                    log.warning("A pack cannot be read again, and stays as it was:\n%s", error)
                    problems += [_without_folder(problem, path) for problem in error.problems]
        return Reread(tuple(changed), tuple(problems))

    async def _install(self, path: Path, files: object) -> list[ChangedRecord]:
        pack, records, digests = await asyncio.to_thread(_load, path)
        known = self._records.get(path, {})
        changed = [record for key, record in records.items() if known.get(key) != digests[key]]
        await self._store.install(
            personas=[record for record in changed if isinstance(record, Persona)],
            scenarios=[record for record in changed if isinstance(record, Scenario)],
            simulations=[record for record in changed if isinstance(record, Simulation)],
            practices=[record for record in changed if isinstance(record, Practice)],
            documents=[record for record in changed if isinstance(record, Document)],
            resources=[record for record in changed if isinstance(record, Resource)],
        )
        documents = [record.id for record in changed if isinstance(record, Document)]
        await self._store.describe_documents(documents, publisher=pack.name, datasource=pack.slug)
        self._records[path], self._files[path] = digests, files
        return [ChangedRecord(_kind(record), record.id, record.name) for record in changed]


def _load(path: Path) -> tuple[Pack, dict[tuple[str, str], Record], dict[tuple[str, str], bytes]]:
    """Load a pack; return its records by kind and id, and a digest of each, which is all that is kept of them."""
    pack = load_pack(path)
    parts: Iterable[Record] = (
        *pack.resources,
        *pack.personas,
        *pack.documents,
        *pack.scenarios,
        *pack.simulations,
        *pack.practices,
    )
    records = {(_kind(record), record.id): record for record in parts}
    digests = {key: hashlib.sha256(repr(record).encode("utf-8", "replace")).digest() for key, record in records.items()}
    return pack, records, digests


def _kind(record: Record) -> str:
    return record.kind if isinstance(record, Resource) else type(record).__name__.lower()


def _files_of(path: Path) -> frozenset[tuple[str, int, int]]:
    """Return the name, size and time of change of a pack's files, and of the documents beside them."""
    found = set()
    for file in (path if path.is_dir() else path.parent).rglob("*"):
        if file.suffix in (".yaml", ".yml", ".md", ".txt") and file.is_file():
            stat = file.stat()
            found.add((str(file), stat.st_size, stat.st_mtime_ns))
    return frozenset(found)


def _without_folder(problem: str, path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    return problem.replace(f"{folder}/", "")
