"""When something happens, as a call file writes it."""

import re

from pipeline.replay.call_file import AfterEvent, AfterItem, AtTime, IntoLine, IntoReply, Moment
from pipeline.replay.timeline import EVENTS

_MS = r"(?P<ms>\d+(?:\.\d+)?) ms"
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"at {_MS}"), "at"),
    (re.compile(rf"after {_MS}"), "item"),
    (re.compile(rf"{_MS} into the reply"), "reply"),
    (re.compile(rf"{_MS} into the line"), "line"),
    (re.compile(rf"(?:{_MS} )?after (?P<event>[a-z_]+(?:\.[a-z_]+)?)"), "event"),
)
GRAMMAR = "'after 300 ms', 'at 3000 ms', '500 ms after reply.ended', '1500 ms into the reply' or '400 ms into the line'"


def moment(text: str) -> Moment | None:
    """Read a moment; None where it is none of the forms.

    after 300 ms             so long after the previous item was over
    at 3000 ms               so long after the call began
    after user.ended         as soon as this event comes, counted from the beginning of the previous item
    500 ms after reply.ended the same, and some time later
    1500 ms into the reply   when the learner has heard so much of it
    400 ms into the line     so long after the previous item began, while it goes on
    """
    for pattern, form in _FORMS:
        found = pattern.fullmatch(" ".join(text.split()))
        if found is None:
            continue
        ms = float(found.group("ms") or 0)
        match form:
            case "at":
                return AtTime(ms)
            case "item":
                return AfterItem(ms)
            case "reply":
                return IntoReply(ms)
            case "line":
                return IntoLine(ms)
            case _:
                return AfterEvent(found.group("event"), ms)
    return None


def is_event(name: str) -> bool:
    """Return whether a timeline may have this event."""
    return name in EVENTS
