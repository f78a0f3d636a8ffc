"""Work under way that outlives its request, and who does it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

JobKind = Literal["reply", "turn", "hint", "draft", "test"]


@dataclass(frozen=True, slots=True)
class Job:
    """Work under way.

    Attributes:
        kind: a written reply, the turn of a lesson, hints, a draft that is written, or the replay of a test's run.
        lock: what may be worked on once at a time, by all processes together; None for no such thing.
        about: JSON values that tell who waits for it what became of it.
        process_id: the process that does it.
    """

    id: str
    kind: JobKind
    user_id: str
    chat_id: str | None = None
    lock: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    process_id: str | None = None
