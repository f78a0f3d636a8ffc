"""What a call's replies tell the call."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.conversation.events import SessionEvent
from pipeline.conversation.waterfall import Stamps
from pipeline.turn.events import Leave


@dataclass(frozen=True, slots=True)
class Hooks:
    """The callbacks of replies: publish events, and feed the turn machine."""

    emit: Callable[[SessionEvent], None]
    started: Callable[[int, Stamps], None]
    finished: Callable[[int, Leave | None], None]
