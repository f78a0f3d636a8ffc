"""Looking over a content pack: what is in it, or every problem of it and of its lessons."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from models.errors import InvalidPack
from models.packs import load_pack
from models.packs.lesson_loader import load_lessons
from pipeline.tutoring.answers import is_right


@dataclass(frozen=True, slots=True)
class CheckedPack:
    """What was found in a pack.

    Attributes:
        slug, name: empty if the pack cannot be read.
        parts: the names of what is in it, by kind, such as "personas".
        problems: "file:line: reason".
    """

    slug: str
    name: str
    parts: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


def check_pack(path: Path) -> CheckedPack:
    """Check a pack, a folder or its one YAML file, with its lessons. Blocking."""
    problems: list[str] = []
    slug = name = ""
    parts: dict[str, tuple[str, ...]] = {}
    try:
        pack = load_pack(path)
        slug, name = pack.slug, pack.name
        parts = {part.name: tuple(item.name for item in getattr(pack, part.name)) for part in fields(pack)[2:]}
    except InvalidPack as error:
        problems += error.problems
    try:
        lessons = load_lessons(path / "lessons", is_right) if (path / "lessons").is_dir() else ()
        parts["lessons"] = tuple(lesson.title for lesson in lessons)
    except InvalidPack as error:
        problems += error.problems
    return CheckedPack(slug, name, parts, tuple(problems))
