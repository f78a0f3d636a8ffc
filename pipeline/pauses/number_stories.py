"""Stories of dictated numbers, spelled names and lists, and of finished turns that end with a number, as YAML files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class NumberStory:
    """What a caller dictates.

    Attributes:
        name: what it is about.
        speaker: who says it; empty for anybody.
        asked: what the persona asked before; empty for nothing.
        says: the parts, in words; a letter is a word of its own.
        pauses_ms: between them.
        hears: the transcript after each part; empty if only real recognisers hear it.
    """

    name: str
    speaker: str
    asked: str
    says: tuple[str, ...]
    pauses_ms: tuple[int, ...]
    hears: tuple[str, ...]


def read_stories(file: Path) -> list[NumberStory]:
    """Read the stories of a file.

    Raises:
        OSError, yaml.YAMLError: the file cannot be read.
        ValueError: a story does not have a pause between its parts, or a transcript for each of them.
    """
    return [_story(entry) for entry in yaml.safe_load(file.read_text("utf-8"))]


def _story(entry: dict[str, Any]) -> NumberStory:
    said, hears = _several(entry.get("says")), tuple(map(str, _several(entry.get("hears"))))
    story = NumberStory(
        name=entry.get("story") or " ".join([entry.get("asked", ""), str([*hears, *said][-1 if hears else 0])]).strip(),
        speaker=entry.get("speaker", ""),
        asked=entry.get("asked", ""),
        says=tuple(part for part in said if isinstance(part, str)),
        pauses_ms=tuple(part for part in said if isinstance(part, int)),
        hears=hears,
    )
    if len(story.says) != len(story.pauses_ms) + 1 or len(story.hears) not in (0, len(story.says)):
        raise ValueError(f"The story {story.name!r} needs a pause between its parts, and a transcript for each.")
    return story


def _several(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
