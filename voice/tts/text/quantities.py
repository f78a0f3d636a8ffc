"""Times, measures, phone numbers and plain numbers, as they are read in English."""

import re

from voice.tts.text.codes import coded
from voice.tts.text.dates import dated
from voice.tts.text.money import money
from voice.tts.text.numbers import cardinal, number, ordinal, year
from voice.tts.text.traced import Piece, Traced

# Bounded repeats and the lookbehind keep every pattern linear on ten thousand digits.
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])|[0-9]{1,24})(?:\.[0-9]{1,24})?"
_N = rf"(?<![0-9]){_DIGITS}"
_FRONT = r"(?<![\w.])"
_PLURALS = {"foot": "feet", "inch": "inches", "hertz": "hertz"}
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "B": "billion"}
_UNITS = {
    "km/h": "kilometer an hour",
    "mph": "mile an hour",
    "kg": "kilogram",
    "mg": "milligram",
    "mcg": "microgram",
    "g": "gram",
    "km": "kilometer",
    "cm": "centimeter",
    "mm": "millimeter",
    "ml": "milliliter",
    "cl": "centiliter",
    "l": "liter",
    "kbps": "kilobit a second",
    "mbps": "megabit a second",
    "gbps": "gigabit a second",
    "kwh": "kilowatt hour",
    "kw": "kilowatt",
    "sq ft": "square foot",
    "lb": "pound",
    "lbs": "pound",
    "oz": "ounce",
    "ft": "foot",
    "sec": "second",
    "secs": "second",
    "min": "minute",
    "mins": "minute",
    "hr": "hour",
    "hrs": "hour",
    "ms": "millisecond",
    "gb": "gigabyte",
    "mb": "megabyte",
    "kb": "kilobyte",
    "khz": "kilohertz",
    "mhz": "megahertz",
    "ghz": "gigahertz",
    "hz": "hertz",
    "tb": "terabyte",
    "kph": "kilometer an hour",
    "m/s": "meter a second",
    "tbsp": "tablespoon",
    "tsp": "teaspoon",
    "gal": "gallon",
    "yd": "yard",
    "mi": "mile",
    "kcal": "kilocalorie",
    "db": "decibel",
    "sq m": "square meter",
}
_SPACED_UNITS = {"m": "meter", "s": "second", "h": "hour", "W": "watt", "V": "volt", "t": "ton"}
"""Units of one letter, which mean something else in capitals, or right behind the number."""
_POWERS = {"²": "square", "³": "cubic"}
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_SIGNS = {
    "#": "number ",
    "~": "about ",
    "≈": "about ",
    ">": "over ",
    "≥": "at least ",
    "<": "under ",
    "≤": "at most ",
}
_SCALE_NAMES = {"C": " Celsius", "F": " Fahrenheit"}
_FRACTION_SIGNS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}

_PHONE = re.compile(
    r"(?<![\w.,-])(?:\+?[0-9]{1,3}[ .-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![\w-])"
    r"|(?<![\w.,-])[0-9]{3}-[0-9]{4}(?![\w-])"
)
_DURATION = re.compile(r"(?<![\w:.])([0-9]):([0-5][0-9]):([0-5][0-9])(?![\w:])(?! ?[ap]\.?m\b)", re.IGNORECASE)
_TIME = re.compile(
    r"(?<![\w:.])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9])?(?![\w:])(?: ?([ap])\.?m\b\.?)?"
    r"|(?<![\w:.])([01]?[0-9]|2[0-3]):([0-5][0-9]) ?([ap])\.?m\b\.?"
    r"|(?<![\w:.])(1[0-2]|0?[1-9]) ?([ap])\.?m\b\.?",
    re.IGNORECASE,
)
_PERCENT = re.compile(rf"({_N}) ?%")
_DEGREES = re.compile(rf"({_N})(?: ?° ?([CF]\b)?|([CF])\b(?![#+-]))")
_SCALED = re.compile(r"(?<![\w.,])([0-9]{1,3}(?:\.[0-9]{1,3})?)([kKMB])\b(?![-/])")
_PLACE = re.compile(
    r"\b(?:seat|room|apartment|gate|row|unit|suite|bus|platform|exit|building|class|grade|section|table|figure|part|step"
    r"|line|flat|channel|track|number|page|question|exercise)(?: is| was|:)? $",
    re.IGNORECASE,
)
_HEIGHT = re.compile(
    r"(?<![\w.,'])([0-9]{1,2})'(?: ?([0-9]{1,2}(?:\.[0-9])?)(?:\"|'')|([0-9]|1[01])(?=[\s,.;:!?)]|$))?(?!\w)"
)
_FEET_AND_INCHES = re.compile(r"(?<![\w.,'])([0-9]{1,2}) ?(?:ft|feet)\.? ?([0-9]{1,2}) ?in(?:\.(?=\s+[a-z]))?(?![\w'])")
_INCHES_OF = re.compile(rf"{_FRONT}({_N}) in\.?(?= (?:wide|long|deep|high|thick|tall|across|screen|pipe)\b)")
_POINT = re.compile(r"(?<![\w.,$£€¥₹])\.(?=[0-9]{1,6}(?![\w]|\.[0-9]))")
_DECIMAL_COMMA = re.compile(r"(?<![\w.,])([0-9]{1,3}),([0-9]{1,2})(?= ?(?:[kcm]?m|[km]?g|[kc]?l|ml|km/h|°|%)(?!\w))")
_POWER_OF = re.compile(r"(?<=[0-9])\^(?=-?[0-9])")
_EVEN = re.compile(r"(?<![\w/.])(50/50|24/7|9/11)(?![\w/]|\.[0-9])")
_SPACED_DEGREES = re.compile(
    r"(?<![\w.,])(-?[0-9]{2,3}(?:\.[0-9])?) ([FC])(?=[.,;!?)]|$| (?:outside|inside|today|now|and|or|in)\b)"
)
_INCHES = re.compile(rf"{_FRONT}({_N})(?:\"|'')(?=[\s,.;:!?)x]|$)")
_RATIO = re.compile(r"(?<![\w:.])([0-9]{1,3}):([0-9]{1,3})(?![\w:])")
_OUT_OF = re.compile(r"(?<![\w/.])([0-9]{1,2}\.[0-9]|[0-9]{1,2})/(5|10|100)(?![\w/]|\.[0-9])")
_SUM = re.compile(rf"(?<![\w.,-])({_N}) [-–] ({_N})(?![\w-])(?=( ?=)?)")
_UNIT = re.compile(rf"{_FRONT}({_N}) ?({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b(?!/)", re.IGNORECASE)
_SPACED_UNIT = re.compile(
    rf"{_FRONT}({_N}) ({'|'.join(_SPACED_UNITS)})(?![\w/'’.-]|[²³])|{_FRONT}({_N}) ([mhs])(?=\.(?:\s|$))"
)
_POWER = re.compile(rf"{_FRONT}({_N}) ?([kcm]?m|ft|in|mi|yd)([²³])")
_FRACTION = re.compile(r"(?<![\w/.])([0-9]{1,4})/([0-9]{1,4})(?:/([0-9]{2,4}))?(?![\w/])|([½⅓⅔¼¾])")
_WHOLE = re.compile(r"(?<![\w.,:/])[0-9]{1,3} $")
_RANGE = re.compile(rf"(?<![\w.,-])({_N}) ?[–-] ?({_N})(?![\w-])")
_MINUS = re.compile(r"(?<![\w)\]])[-−](?=[0-9])")
_TIMES = re.compile(r"(?<=[0-9])x\b(?! ?[0-9])")
_BY = re.compile(r"(?<=[0-9]) ?[x×] ?(?=[0-9])")
_TAGGED = re.compile(r"#([0-9]{4,12})\b(?![.,][0-9])")
_SIGNED = re.compile(r"#(?=[0-9])|[~≈] ?(?=[0-9$£€])|[>≥] ?(?=[0-9$£€])|[<≤] ?(?=[0-9$£€])")
_VERSION = re.compile(r"(?<![0-9.])[0-9]{1,6}(?:\.[0-9]{1,6}){2,8}(?![\w])")
_ORDINAL = re.compile(r"(?<![\w.,])([0-9]{1,12})(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"(?<![\w.,])(1[1-9]|20)([1-9]0)s\b")
_SHORT_DECADE = re.compile(r"(?<![\w.,])'?([2-9]0)'?s\b")
_YEAR = re.compile(r"(?<![\w.,])(?:1[1-9]|20)[0-9]{2}(?![\w]|[.,][0-9])")
_NUMBER = re.compile(_DIGITS)


def arranged(text: Traced) -> Traced:
    """Put money, times, measures and the like in spoken order, keeping the digits. Never raises."""
    text = text.replace(_PHONE, _phone)
    text = dated(text).replace(_DURATION, _duration).replace(_TIME, _time)
    text = text.replace(_TAGGED, lambda m: ["number ", " ".join(m[1])])
    text = text.replace(_SIGNED, lambda m: [_SIGNS[m[0][0]]])
    text = money(text).replace(_PERCENT, lambda m: [m.span(1), " percent"])
    text = text.replace(_POINT, "0.").replace(_DECIMAL_COMMA, lambda m: [m.span(1), ".", m.span(2)])
    text = text.replace(_SPACED_DEGREES, lambda m: [m.span(1), " degrees", _SCALE_NAMES[m[2]]])
    text = text.replace(_SCALED, _scaled).replace(_DEGREES, _degrees)
    text = text.replace(_POWER_OF, " to the power of ").replace(_EVEN, lambda m: [m[0].replace("/", " ")])
    text = text.replace(_FEET_AND_INCHES, lambda m: [m.span(1), " foot ", m.span(2)])
    text = text.replace(_INCHES_OF, lambda m: [m.span(1), " ", _named("inch", m[1])]).replace(_BY, " by ")
    text = text.replace(_HEIGHT, _height).replace(_INCHES, lambda m: [m.span(1), " ", _named("inch", m[1])])
    text = text.replace(_POWER, _power).replace(_SPACED_UNIT, _spaced_unit)
    text = text.replace(_UNIT, _unit).replace(_OUT_OF, _out_of).replace(_FRACTION, _fraction)
    text = coded(text)
    text = text.replace(_RATIO, lambda m: [m.span(1), " to ", m.span(2)]).replace(_SUM, _sum)
    text = text.replace(_RANGE, lambda m: [m.span(1), " to ", m.span(2)])
    text = text.replace(_MINUS, "minus ").replace(_TIMES, " times")
    return text.replace(_VERSION, lambda m: [m[0].replace(".", " point ")])


def spelled(text: Traced) -> Traced:
    """Spell out every number; run after `arranged`. Never raises."""
    text = text.replace(_ORDINAL, lambda m: [ordinal(int(m[1]))])
    text = text.replace(_DECADE, lambda m: [f"{cardinal(int(m[1]))} {cardinal(int(m[2]))[:-1]}ies"])
    text = text.replace(_SHORT_DECADE, lambda m: [f"{cardinal(int(m[1]))[:-1]}ies"])
    text = text.replace(_YEAR, lambda m: [year(int(m[0]))])
    return text.replace(_NUMBER, _words)


def _words(match: re.Match[str]) -> list[Piece]:
    text, (start, end) = match.string, match.span()
    before = " " if start and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return [before + number(match[0].replace(",", "")) + after]


def _power(match: re.Match[str]) -> list[Piece]:
    names = _UNITS | _SPACED_UNITS | {"in": "inch"}
    name = _named(names[match[2]], match[1])
    return [match.span(1), f" {_POWERS[match[3]]} {name}"]


def _spaced_unit(match: re.Match[str]) -> list[Piece]:
    group = 1 if match[1] else 3
    return [match.span(group), f" {_named(_SPACED_UNITS[match[group + 1]], match[group])}"]


def _phone(match: re.Match[str]) -> list[Piece]:
    groups = re.findall(r"[0-9]+", match[0])
    return [", ".join(" ".join(group) for group in groups)]


def _duration(match: re.Match[str]) -> list[Piece]:
    hours, minutes, seconds = (int(part) for part in match.groups())
    named = [(hours, "hour"), (minutes, "minute"), (seconds, "second")]
    parts = [f"{amount} {_named(name, str(amount))}" for amount, name in named if amount]
    return [" and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "0 seconds"]


def _time(match: re.Match[str]) -> list[Piece]:
    hour, minute, half = (
        match[1] or match[4] or match[7],
        match[2] or match[5] or "00",
        match[3] or match[6] or match[8],
    )
    # In "at 5 p.m." at the end of a sentence one full stop serves both.
    following = match.string[match.end() : match.end() + 2].lstrip()
    stop = "." if match[0].endswith(".") and (not following or following.isupper()) else ""
    said = str(int(hour))
    if minute != "00":
        said += f" oh {int(minute)}" if minute[0] == "0" else f" {minute}"
    elif not half:
        said += " o'clock" if 0 < int(hour) <= 12 else " hundred"
    return [said + (f" {half.upper()} M" if half else "") + stop]


def _degrees(match: re.Match[str]) -> list[Piece]:
    return [match.span(1), " degrees" + _SCALE_NAMES.get(match[2] or match[3] or "", "")]


def _scaled(match: re.Match[str]) -> list[Piece] | None:
    place = _PLACE.search(match.string, max(0, match.start() - 20), match.start())
    return None if place else [match.span(1), f" {_SCALES[match[2]]}"]


def _height(match: re.Match[str]) -> list[Piece] | None:
    if match[3]:
        return [match.span(1), " foot ", match.span(3)]
    if not match[2]:
        text, end = match.string, match.end()
        quoted = "'" in text[: match.start()] or (end < len(text) and text[end].isalpha())
        return None if quoted else [match.span(1), " ", _named("foot", match[1])]
    return [match.span(1), " foot ", match.span(2)]


def _out_of(match: re.Match[str]) -> list[Piece] | None:
    return None if float(match[1]) > int(match[2]) else [match.span(1), " out of ", match.span(2)]


def _sum(match: re.Match[str]) -> list[Piece] | None:
    first, second = (float(match[group].replace(",", "")) for group in (1, 2))
    return [match.span(1), " minus ", match.span(2)] if match[3] or first > second else None


def _unit(match: re.Match[str]) -> list[Piece]:
    full = _UNITS[match[2].lower()]
    name, per, rest = full.partition(" a")
    return [match.span(1), f" {_named(name, match[1])}{per}{rest}"]


def _fraction(match: re.Match[str]) -> list[Piece]:
    sign = _FRACTION_SIGNS.get(match[4] or "", "")
    if sign:
        mixed = match.start() and match.string[match.start() - 1].isdigit()
        return [(" and " if mixed else "") + _FRACTIONS[sign]]
    if match[3]:
        return [match.span(1), " ", match.span(2), " ", match.span(3)]
    if match[0] in _FRACTIONS:
        whole = _WHOLE.search(match.string, max(0, match.start() - 5), match.start())
        return [("and " if whole else "") + _FRACTIONS[match[0]]]
    return [match.span(1), " " if match[0] == "24/7" else " over ", match.span(2)]


def _named(name: str, amount: str) -> str:
    return name if amount == "1" else _plural(name)


def _plural(name: str) -> str:
    return _PLURALS.get(name, name if name.endswith("hertz") else name + "s")
