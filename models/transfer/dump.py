"""The rows of a database as a file that any database can be filled from: lines of JSON, compressed."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.transfer.errors import Damaged
from models.transfer.tables import Part, Row, RowSource, TableSum

_LEVEL = 6


def write_dump(path: Path, source: RowSource) -> dict[str, TableSum]:
    """Write all rows of a source to a new file; return the sum of each table."""
    written = {}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw, gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as file:
        file.write(_line({"revision": source.revision}))
        for name, columns, batches in source.parts():
            file.write(_line({"table": name, "columns": list(columns)}))
            total = TableSum()
            for rows in batches:
                total = total.with_rows(rows)
                file.writelines(_line(row) for row in rows)
            written[name] = total
        file.write(_line({"end": True}))
    return written


def _line(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


class DumpRows:
    """The rows of a file that `write_dump` wrote.

    Raises:
        Damaged: it is none.
    """

    def __init__(self, path: Path, batch: int = 500) -> None:
        self._path = path
        self._batch = batch
        head = next(self._lines())
        if not isinstance(head, dict) or "revision" not in head:
            raise Damaged(f"{path.name} does not begin as the rows of a database do.")
        self.revision = str(head["revision"])

    def parts(self) -> Iterator[Part]:
        """Yield the tables with their rows; each has to be read before the next."""
        lines = self._lines()
        next(lines)
        head = next(lines, None)
        while isinstance(head, dict) and "table" in head:
            following: list[object] = []
            yield head["table"], head["columns"], self._batches(lines, following)
            (head,) = following or [None]
        if head != {"end": True}:
            raise Damaged(f"{self._path.name} breaks off.")

    def _batches(self, lines: Iterator[object], following: list[object]) -> Iterator[list[Row]]:
        rows: list[Row] = []
        for line in lines:
            if not isinstance(line, list):
                following.append(line)
                break
            rows.append(tuple(line))
            if len(rows) == self._batch:
                yield rows
                rows = []
        if rows:
            yield rows

    def _lines(self) -> Iterator[object]:
        try:
            with gzip.open(self._path, "rb") as file:
                for line in file:
                    yield json.loads(line)
        except (OSError, EOFError, ValueError) as error:
            raise Damaged(f"{self._path.name} cannot be read: {error}.") from None
