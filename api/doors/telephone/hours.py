"""The hours in which a number is answered, as an operator writes them: "Mon-Fri 09:00-17:30, Sat 10:00-14:00"."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.errors import Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.IGNORECASE)

_HOW = 'Write hours such as "Mon-Fri 09:00-17:30, Sat 10:00-14:00"'


@dataclass(frozen=True, slots=True)
class _Span:
    days: frozenset[int]
    begins: time
    ends: time
    """At or before `begins`: on the next day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Some hours of the week in a time zone; no spans are all hours."""

    spans: tuple[_Span, ...]
    zone: ZoneInfo

    def include(self, moment: datetime) -> bool:
        """Return whether a moment, with its time zone, is within the hours."""
        here = moment.astimezone(self.zone)
        today, clock = here.weekday(), here.time()
        return not self.spans or any(_covers(span, today, clock) for span in self.spans)


def parse_hours(text: str, timezone: str = "UTC") -> Hours:
    """Read hours; an empty text means always.

    Raises:
        Invalid: they cannot be read, or the time zone is unknown.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"There is no time zone {timezone!r}: use a name such as Europe/Berlin.") from None
    return Hours(tuple(_span(part.strip()) for part in text.split(",") if part.strip()), zone)


def _span(text: str) -> _Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise Invalid(f"{_HOW}, not {text!r}.")
    first, last, *clock = found.groups()
    try:
        begins, ends = time(int(clock[0]), int(clock[1])), time(int(clock[2]) % 24, int(clock[3]))
        days = _days(first, last)
    except ValueError:
        raise Invalid(f"{_HOW}; {text!r} has a day or a time that there is not.") from None
    return _Span(days, begins, ends)


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    begins = DAYS.index(first.lower())
    ends = begins if last is None else DAYS.index(last.lower())
    return frozenset((begins + step) % 7 for step in range((ends - begins) % 7 + 1))


def _covers(span: _Span, today: int, clock: time) -> bool:
    if span.begins < span.ends:
        return today in span.days and span.begins <= clock < span.ends
    return (today in span.days and clock >= span.begins) or ((today - 1) % 7 in span.days and clock < span.ends)
