"""The lessons of the service: read at its start, and again from disk when they have changed."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import InvalidPack
from models.packs.lesson_loader import load_lessons
from models.records.lessons import Lesson
from pipeline.tutoring.answers import is_right
from pipeline.tutoring.tutor import Tutor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RereadLessons:
    """What came of reading the lessons again.

    Attributes:
        changed: those that are new, or are not as they were.
        problems: of folders that could not be read, and stay as they were: "file:line: reason".
    """

    changed: tuple[Lesson, ...] = ()
    problems: tuple[str, ...] = ()


class InstalledLessons:
    """Has the tutor teach the lessons of folders, and reads again those whose files have changed.

    Args:
        tutor: teaches them.
        folders: of YAML files; one that is not there holds none.
    """

    def __init__(self, tutor: Tutor, folders: Sequence[Path]) -> None:
        self._tutor = tutor
        self._folders = tuple(folders)
        self._files: dict[Path, object] = {}
        self._lessons: dict[str, Lesson] = {}
        self._reading = asyncio.Lock()

    async def install(self) -> None:
        """Read every folder.

        Raises:
            InvalidPack: one cannot be read; it lists every problem.
        """
        for folder in self._folders:
            await self._read(folder, await asyncio.to_thread(_files_of, folder))
        self._tutor.take_lessons(tuple(self._lessons.values()))

    async def reread(self) -> RereadLessons:
        """Read what has changed on disk; nothing is removed, as sessions may be in the middle of it."""
        changed: list[Lesson] = []
        problems: list[str] = []
        async with self._reading:
            for folder in self._folders:
                files = await asyncio.to_thread(_files_of, folder)
                if files == self._files.get(folder, frozenset()):
                    continue
                try:
                    changed += await self._read(folder, files)
                except InvalidPack as error:
                    log.warning("Lessons cannot be read again, and stay as they were:\n%s", error)
                    problems += [problem.replace(f"{folder.parent}/", "") for problem in error.problems]
            if changed:
                self._tutor.take_lessons(tuple(self._lessons.values()))
        return RereadLessons(tuple(changed), tuple(problems))

    async def _read(self, folder: Path, files: frozenset[tuple[str, int, int]]) -> list[Lesson]:
        read = await asyncio.to_thread(load_lessons, folder, is_right) if files else ()
        changed = [lesson for lesson in read if self._lessons.get(lesson.slug) != lesson]
        self._lessons |= {lesson.slug: lesson for lesson in read}
        self._files[folder] = files
        return changed


def _files_of(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return the name, size and time of change of each lesson's file."""
    found = ((file, file.stat()) for file in folder.glob("*.y*ml")) if folder.is_dir() else ()
    return frozenset((file.name, stat.st_size, stat.st_mtime_ns) for file, stat in found)
