"""English dates, days, months, and ranges of them and of times."""

import re

from voice.tts.text.traced import Piece, Traced

MONTHS = "January February March April May June July August September October November December".split()

_SHORT_MONTHS = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_DAYS = {
    **{"Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Weds": "Wednesday"},
    **{"Thu": "Thursday", "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday"},
    **{"Sat": "Saturday", "Sun": "Sunday"},
}
_PLAIN_DAYS = frozenset({"Tue", "Tues", "Weds", "Thu", "Thur", "Thurs", "Fri"})
"""Days whose short form is no other word."""

_DAY = "|".join(sorted(_DAYS, key=len, reverse=True))
_MONTH = "|".join(sorted({*_SHORT_MONTHS, *MONTHS}, key=len, reverse=True))
_DAY_RANGE = re.compile(rf"\b({_DAY})\.?( ?[-–] ?|, ?| and | or | to )(?=(?:{_DAY})\b)")
_LONE_DAY = re.compile(rf"\b({_DAY})\b(\.?)(?=(,? ?[0-9]|,? (?:{_MONTH})\b)|[\s,.;:!?)]|$)")
_AFTER_DAY = re.compile(rf"(?:{'|'.join(sorted({*_DAYS.values()}))})(?: to |, ?| and | or )$")
_MONTH_RANGE = re.compile(rf"\b({_MONTH})\.?( ?[-–] ?| to )({_MONTH})\b(\.(?= [a-z0-9]))?")
_SHORT_MONTH = re.compile(rf"\b({'|'.join(sorted(_SHORT_MONTHS, key=len, reverse=True))})\.?(?= [0-9])")
_MONTH_DAY = re.compile(
    rf"\b({'|'.join(MONTHS)}) (0?[1-9]|[12][0-9]|3[01])(?: ?[-–] ?(0?[1-9]|[12][0-9]|3[01]))?(?![\w:%/]|[.,][0-9])"
)
_DAY_MONTH = re.compile(rf"(\bthe )?(?<![\w.,:/-])(0?[1-9]|[12][0-9]|3[01]) ({'|'.join(MONTHS)})\b")
_ISO = re.compile(r"(?<![\w-])([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(?![\w-])")
_ISO_SLASHED = re.compile(r"(?<![\w/])([12][0-9]{3})/(0[1-9]|1[0-2])/(0[1-9]|[12][0-9]|3[01])(?![\w/])")
_SLASHED = re.compile(r"(?<![\w/.])([0-9]{1,2})([/.])([0-9]{1,2})\2([12][0-9]{3}|[0-9]{2})(?![\w/]|\.[0-9])")
_SLASHED_DAY = re.compile(
    r"\b(on|by|from|until|since|before|after|date|dated|due) (0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])(?![\w/])",
    re.IGNORECASE,
)
_CLOCK = r"[0-9]{1,2}(?::[0-5][0-9])?"
_HALF = r"[ap]\.?m\b\.?"
_TIME_RANGE = re.compile(
    rf"(?<![\w:.])({_CLOCK} ?{_HALF}|{_CLOCK}) ?[-–] ?(?={_CLOCK} ?{_HALF})"
    rf"|(?<![\w:.])([0-9]{{1,2}}:[0-5][0-9]) ?[-–] ?(?=[0-9]{{1,2}}:[0-5][0-9](?![\w:]))",
    re.IGNORECASE,
)


def dated(text: Traced) -> Traced:
    """Put dates and their ranges in spoken order. Never raises."""
    text = text.replace(_ISO, lambda m: _spoken(int(m[2]), int(m[3]), m[1]))
    text = text.replace(_ISO_SLASHED, lambda m: _spoken(int(m[2]), int(m[3]), m[1]))
    text = text.replace(_SLASHED, _slashed).replace(_SLASHED_DAY, _slashed_day)
    text = text.replace(_TIME_RANGE, lambda m: [m.span(1 if m[1] else 2), " to "])
    text = text.replace(_DAY_RANGE, _day_range).replace(_LONE_DAY, _day)
    text = text.replace(_MONTH_RANGE, _month_range)
    text = text.replace(_SHORT_MONTH, lambda m: [_SHORT_MONTHS[m[1]]])
    return text.replace(_DAY_MONTH, _day_month).replace(_MONTH_DAY, _month_day)


def _nth(day: int) -> str:
    suffix = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _spoken(month: int, day: int, year: str) -> list[Piece]:
    return [f"{MONTHS[month - 1]} {_nth(day)}" + (f", {year}" if year else "")]


def _slashed(match: re.Match[str]) -> list[Piece] | None:
    first, second, year = int(match[1]), int(match[3]), match[4]
    # With slashes the month comes first, as in the United States, and with stops the day.
    month, day = (first, second) if match[2] == "/" else (second, first)
    if month > 12:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31) or (match[2] == "." and len(year) < 4):
        return None
    return _spoken(month, day, year if len(year) == 4 else f"20{year}")


def _slashed_day(match: re.Match[str]) -> list[Piece]:
    return [match.span(1), " ", *_spoken(int(match[2]), int(match[3]), "")]


def _day_range(match: re.Match[str]) -> list[Piece]:
    between = " to " if "-" in match[2] or "–" in match[2] else match[2]
    return [_DAYS[match[1]], between]


def _day(match: re.Match[str]) -> list[Piece] | None:
    stop = match[2]
    dated = match[3] is not None
    listed = _AFTER_DAY.search(match.string, max(0, match.start() - 20), match.start())
    named = match[1] in _PLAIN_DAYS or dated or listed or (match[1] == "Mon" and stop)
    if not named:
        return None
    ends = bool(stop) and not dated and (match.end() == len(match.string) or not listed)
    return [_DAYS[match[1]] + ("." if ends else "")]


def _month_range(match: re.Match[str]) -> list[Piece]:
    first, last = _SHORT_MONTHS.get(match[1], match[1]), _SHORT_MONTHS.get(match[3], match[3])
    return [first, " to ", last]


def _month_day(match: re.Match[str]) -> list[Piece]:
    until = f" to {_nth(int(match[3]))}" if match[3] else ""
    return [match.span(1), f" {_nth(int(match[2]))}{until}"]


def _day_month(match: re.Match[str]) -> list[Piece]:
    return [f"the {_nth(int(match[2]))} of ", match.span(3)]
