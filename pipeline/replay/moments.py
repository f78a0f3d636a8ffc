"""The grammar of times in a call file."""

import re

from pipeline.replay.call_file import AfterEvent, AfterItem, AtTime, IntoLine, IntoReply, Moment
from pipeline.timeline.timeline import EVENTS

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
    """Parse a time; return None if it has none of the forms.

    after 300 ms             after the end of the previous item
    at 3000 ms               after the start of the call
    after user.ended         on this event, the first since the start of the previous item
    500 ms after reply.ended some time after such an event
    1500 ms into the reply   once the learner has heard this much of it
    400 ms into the line     after the start of the previous item, overlapping it
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
    """Return whether a timeline has an event of this name."""
    return name in EVENTS
