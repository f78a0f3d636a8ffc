"""Codes, which English says digit by digit: ticket and room numbers, PINs, references with letters or hyphens."""

import re

from voice.tts.text.traced import Piece, Traced

# Bounded repeats and the lookbehind keep every pattern linear on ten thousand digits.
_ENDS = r"(?!\w|-[\w]|[.,][0-9])"
_LETTERED = re.compile(
    rf"(?<![\w.,$£€¥₹-])(?:([A-Z]{{1,4}})(-?)([0-9]{{3,12}})([A-Z]{{0,2}})|([0-9]{{3,12}})([A-Z]{{1,2}})){_ENDS}"
)
_GROUPS = re.compile(r"(?<![\w.,$£€¥₹/-])[0-9]{1,12}(?:-[0-9]{1,12}){1,5}(?!\w|-|[.,][0-9])")
_NAMED = re.compile(
    r"\b(?:(?:pin|code|passcode|extension|zip|zip code|postcode|postal code)(?: number)?(?: is)?"
    r"|(?:call|dial|phone|text|fax|ring|tel)(?: (?:us|me|him|her|them|back))?(?: (?:at|on))?"
    r"|(?:telephone|phone|fax|card) number(?: is)?"
    r"|(?:room|flight|suite|apartment)(?: number)?"
    r"|(?:order|ticket|case|reference|account|confirmation|booking|invoice|tracking|serial|claim|policy)"
    r" number(?: is)?)"
    rf":? (?=[0-9])([0-9]{{3,12}}){_ENDS}",
    re.IGNORECASE,
)
_LEADING_ZERO = re.compile(r"(?<![\w.,:/-])0[0-9]{2,11}(?!\w|[.,:/-][0-9])")
_ADDRESS = re.compile(
    r"(?<![\w.])([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?::([0-9]{1,5}))?(?![\w]|\.[0-9])"
)
_CARD = re.compile(
    r"(?<![\w.,-])[0-9]{4}(?:[ -][0-9]{4}){3}(?![\w-])|(?<![\w.,-])[0-9]{4}[ -][0-9]{6}[ -][0-9]{5}(?![\w-])"
)
_FLIGHT = re.compile(r"(?<=\bflight )([A-Z]{2,3}|[A-Z][0-9]|[0-9][A-Z])[ -]?([0-9]{1,4})\b", re.IGNORECASE)
_OF_FLIGHT = re.compile(
    r"(\b(?:[Ff]lights?|[Ff]ly|[Ff]lying|[Ff]lew|[Bb]oarding)\b[^.!?\n]{0,40}?\b)"
    r"([A-Z]{2}|[A-Z][0-9]|[0-9][A-Z]) ?([0-9]{2,4})\b"
)
_VANITY = re.compile(r"(?<![\w-])1-(8[0-9]{2})-([A-Z][A-Z0-9-]{3,12})\b")
_YEARS = re.compile(r"(1[1-9]|20)([0-9]{2})-([0-9]{2}|(?:1[1-9]|20)[0-9]{2})")
_DATE = re.compile(r"[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}")

_CURRENCIES = {"USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD"}
_QUANTITIES = {"K", "M", "BC", "AD", "CE"}
_LONG = 4


def coded(text: Traced) -> Traced:
    """Put spaces between the digits of codes; run after dates, times and amounts, before ranges. Never raises."""
    text = text.replace(_ADDRESS, _address).replace(_CARD, _card).replace(_FLIGHT, _flight)
    text = text.replace(_OF_FLIGHT, lambda m: [m.span(1), " ".join(m[2] + m[3])]).replace(_VANITY, _vanity)
    text = text.replace(_LETTERED, _lettered).replace(_GROUPS, _groups).replace(_NAMED, _named)
    return text.replace(_LEADING_ZERO, lambda m: [" ".join(m[0])])


def _lettered(match: re.Match[str]) -> list[Piece] | None:
    before, hyphen, digits, after = match[1] or "", match[2] or "", match[3] or match[5], match[4] or match[6] or ""
    short = len(digits) < _LONG
    if before in _CURRENCIES or after in _QUANTITIES or (short and (hyphen or (after == "B" and not before))):
        return None
    return [" ".join([*before, *digits, *after])]


def _groups(match: re.Match[str]) -> list[Piece] | None:
    groups = match[0].split("-")
    if _YEARS.fullmatch(match[0]) or _DATE.fullmatch(match[0]):
        return None
    # Two numbers are a range if they ascend, as in "1200-1500"; three never are.
    if len(groups) == 2 and not (
        any(len(group) > 2 and group[0] == "0" for group in groups)
        or (len(groups[0]) >= _LONG and int(groups[1]) < int(groups[0]))
    ):
        return None
    return [", ".join(" ".join(group) for group in groups)]


def _named(match: re.Match[str]) -> list[Piece]:
    first, end = match.span(1)
    pieces: list[Piece] = [(match.start(), first + 1)]
    for at in range(first + 1, end):
        pieces += [" ", (at, at + 1)]
    return pieces


def _address(match: re.Match[str]) -> list[Piece] | None:
    parts = match.groups()[:4]
    if any(int(part) > 255 for part in parts):
        return None
    port = f" port {' '.join(match[5])}" if match[5] else ""
    return [" dot ".join(" ".join(part) for part in parts) + port]


def _card(match: re.Match[str]) -> list[Piece]:
    return [", ".join(" ".join(group) for group in re.split("[ -]", match[0]))]


def _flight(match: re.Match[str]) -> list[Piece]:
    return [" ".join(match[1] + match[2])]


def _vanity(match: re.Match[str]) -> list[Piece]:
    return ["1, ", match.span(1), ", ", match.span(2)]
