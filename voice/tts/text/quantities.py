"""Money, times, dates, measures, phone numbers and plain numbers, as they are read in English."""

import re

from voice.tts.text.codes import coded
from voice.tts.text.numbers import cardinal, number, ordinal, year
from voice.tts.text.traced import Piece, Traced

# Bounded repeats and the lookbehind keep every pattern linear on ten thousand digits.
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])|[0-9]{1,24})(?:\.[0-9]{1,24})?"
_N = rf"(?<![0-9]){_DIGITS}"
_FRONT = r"(?<![\w.])"
_MONTHS = "January February March April May June July August September October November December".split()
_MONEY = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
}
_PLURALS = {"penny": "pence", "paisa": "paise", "yen": "yen", "foot": "feet", "inch": "inches", "hertz": "hertz"}
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion", "tn": "trillion"}
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
    "hz": "hertz",
}
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
_FRACTION_SIGNS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}

_PHONE = re.compile(
    r"(?<![\w.,-])(?:\+?[0-9]{1,3}[ .-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![\w-])"
    r"|(?<![\w.,-])[0-9]{3}-[0-9]{4}(?![\w-])"
)
_ISO_DATE = re.compile(r"(?<![\w-])([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(?![\w-])")
_TIME = re.compile(
    r"(?<![\w:.])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9])?(?![\w:])(?: ?([ap])\.?m\b\.?)?"
    r"|(?<![\w:.])([01]?[0-9]|2[0-3]):([0-5][0-9]) ?([ap])\.?m\b\.?"
    r"|(?<![\w:.])(1[0-2]|0?[1-9]) ?([ap])\.?m\b\.?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(rf"([$£€¥₹]) ?({_N})(?: ?(k|mn|m|bn|b|tn|thousand|million|billion|trillion)\b)?", re.IGNORECASE)
_PERCENT = re.compile(rf"({_N}) ?%")
_DEGREES = re.compile(rf"({_N}) ?° ?([CF]\b)?")
_UNIT = re.compile(rf"{_FRONT}({_N}) ?({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b(?!/)", re.IGNORECASE)
_FRACTION = re.compile(r"(?<![\w/.])([0-9]{1,4})/([0-9]{1,4})(?:/([0-9]{2,4}))?(?![\w/])|([½⅓⅔¼¾])")
_RANGE = re.compile(rf"(?<![\w.,-])({_N}) ?[–-] ?({_N})(?![\w-])")
_MINUS = re.compile(r"(?<![\w)\]])[-−](?=[0-9])")
_TIMES = re.compile(r"(?<=[0-9])x\b(?! ?[0-9])")
_BY = re.compile(r"(?<=[0-9]) ?[x×] ?(?=[0-9])")
_SIGNED = re.compile(r"#(?=[0-9])|[~≈] ?(?=[0-9$£€])|[>≥] ?(?=[0-9$£€])|[<≤] ?(?=[0-9$£€])")
_VERSION = re.compile(r"(?<![0-9.])[0-9]{1,6}(?:\.[0-9]{1,6}){2,8}(?![\w])")
_ORDINAL = re.compile(r"(?<![\w.,])([0-9]{1,12})(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"(?<![\w.,])(1[1-9]|20)([1-9]0)s\b")
_YEAR = re.compile(r"(?<![\w.,])(?:1[1-9]|20)[0-9]{2}(?![\w]|[.,][0-9])")
_NUMBER = re.compile(_DIGITS)


def arranged(text: Traced) -> Traced:
    """Put money, times, measures and the like in spoken order, keeping the digits. Never raises."""
    text = text.replace(_PHONE, _phone).replace(_ISO_DATE, _date).replace(_TIME, _time)
    text = text.replace(_SIGNED, lambda m: [_SIGNS[m[0][0]]])
    text = text.replace(_AMOUNT, _amount).replace(_PERCENT, lambda m: [m.span(1), " percent"])
    text = text.replace(_DEGREES, _degrees).replace(_UNIT, _unit).replace(_FRACTION, _fraction)
    text = coded(text)
    text = text.replace(_RANGE, lambda m: [m.span(1), " to ", m.span(2)])
    text = text.replace(_MINUS, "minus ").replace(_TIMES, " times").replace(_BY, " by ")
    return text.replace(_VERSION, lambda m: [m[0].replace(".", " point ")])


def spelled(text: Traced) -> Traced:
    """Spell out every number; run after `arranged`. Never raises."""
    text = text.replace(_ORDINAL, lambda m: [ordinal(int(m[1]))])
    text = text.replace(_DECADE, lambda m: [f"{cardinal(int(m[1]))} {cardinal(int(m[2]))[:-1]}ies"])
    text = text.replace(_YEAR, lambda m: [year(int(m[0]))])
    return text.replace(_NUMBER, _words)


def _words(match: re.Match[str]) -> list[Piece]:
    text, (start, end) = match.string, match.span()
    before = " " if start and text[start - 1].isalnum() else ""
    after = " " if end < len(text) and text[end].isalnum() else ""
    return [before + number(match[0].replace(",", "")) + after]


def _phone(match: re.Match[str]) -> list[Piece]:
    groups = re.findall(r"[0-9]+", match[0])
    return [", ".join(" ".join(group) for group in groups)]


def _date(match: re.Match[str]) -> list[Piece]:
    day = int(match[3])
    suffix = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return [f"{_MONTHS[int(match[2]) - 1]} {day}{suffix}, {match[1]}"]


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


def _amount(match: re.Match[str]) -> list[Piece]:
    whole, _, fraction = match[2].partition(".")
    big, small = _MONEY[match[1]]
    start = match.start(2)
    if match[3]:
        scale = _SCALES.get(match[3].lower(), match[3].lower())
        return [match.span(2), f" {scale} {_plural(big)}"]
    if len(fraction) != 2 or not small:
        return [match.span(2), " " + (big if match[2] == "1" else _plural(big))]
    cents = f"{int(fraction)} {small if int(fraction) == 1 else _plural(small)}"
    if not int(whole.replace(",", "")):
        return [cents]
    name = big if whole == "1" else _plural(big)
    return [(start, start + len(whole)), f" {name}" + (f" {int(fraction)}" if int(fraction) else "")]


def _degrees(match: re.Match[str]) -> list[Piece]:
    return [match.span(1), " degrees" + {"C": " Celsius", "F": " Fahrenheit"}.get(match[2] or "", "")]


def _unit(match: re.Match[str]) -> list[Piece]:
    name, _, rest = _UNITS[match[2].lower()].partition(" ")
    return [match.span(1), " " + (name if match[1] == "1" else _plural(name)) + (f" {rest}" if rest else "")]


def _fraction(match: re.Match[str]) -> list[Piece]:
    sign = _FRACTION_SIGNS.get(match[4] or "", "")
    if sign:
        mixed = match.start() and match.string[match.start() - 1].isdigit()
        return [(" and " if mixed else "") + _FRACTIONS[sign]]
    if match[3]:
        return [match.span(1), " ", match.span(2), " ", match.span(3)]
    if match[0] in _FRACTIONS:
        return [_FRACTIONS[match[0]]]
    return [match.span(1), " " if match[0] == "24/7" else " over ", match.span(2)]


def _plural(name: str) -> str:
    return _PLURALS.get(name, name if name.endswith("hertz") else name + "s")
