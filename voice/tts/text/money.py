"""Amounts of money, with the currency before or after the number, as a sign or as a code; in seven languages."""

import re

from voice.tts.text.traced import Piece, Traced

# Bounded repeats and the lookbehind keep every pattern linear on ten thousand digits.
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3}){1,4}(?![0-9])|[0-9]{1,24})(?:[.,][0-9]{1,24})?|\.[0-9]{1,2}"
_N = rf"(?<![0-9])(?:{_DIGITS})"
_SCALE = r"(?: ?(k|mn|m|bn|b|tn|t|thousand|million|billion|trillion)\b)"
_CURRENCY = r"[$£€¥₹]|\b(?:USD|EUR|GBP|CHF|JPY|INR|CAD|AUD)\b"
_BEFORE = re.compile(
    rf"({_CURRENCY}) ?({_N})(?: ?[-–] ?(?:[$£€¥₹] ?)?({_N})(?![\w%]))?{_SCALE}?",
    re.IGNORECASE,
)
_AFTER = re.compile(rf"(?<![\w.,$£€¥₹])({_N}){_SCALE}? ?({_CURRENCY})(?! ?[0-9])", re.IGNORECASE)
_GROUPED = re.compile(
    r"(?<![\w.,])([0-9]{1,3})\.([0-9]{3})(?:\.([0-9]{3}))?,([0-9]{2})(?= ?(?:[$£€¥₹]|(?:USD|EUR|GBP|CHF)\b))"
)
"""An amount as the continent writes it, in front of its currency: 1.000,50 €."""
_CENTS = re.compile(rf"(?<![\w.,$£€¥₹])({_N}) ?¢")
_PENCE = re.compile(r"(?<![\w.,$£€¥₹-])([1-9][0-9]?)p\b(?!\.)")
_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]{2}$)")
_MONEY = {
    "$": ("dollar", "cent"),
    "£": ("pound", "penny"),
    "€": ("euro", "cent"),
    "¥": ("yen", ""),
    "₹": ("rupee", "paisa"),
    "USD": ("US dollar", "cent"),
    "EUR": ("euro", "cent"),
    "GBP": ("pound", "penny"),
    "CHF": ("Swiss franc", "centime"),
    "JPY": ("yen", ""),
    "INR": ("rupee", "paisa"),
    "CAD": ("Canadian dollar", "cent"),
    "AUD": ("Australian dollar", "cent"),
}
_PLURALS = {"penny": "pence", "paisa": "paise", "yen": "yen"}
_SCALES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "t": "trillion",
    "tn": "trillion",
}
_SIGNS = ("$", "€", "£", "¥", "₹")
_ELSEWHERE = {
    "de": ("Dollar", "Euro", "Pfund", "Yen", "Rupien"),
    "es": ("dólares", "euros", "libras", "yenes", "rupias"),
    "fr": ("dollars", "euros", "livres", "yens", "roupies"),
    "it": ("dollari", "euro", "sterline", "yen", "rupie"),
    "nl": ("dollar", "euro", "pond", "yen", "roepie"),
    "pt": ("dólares", "euros", "libras", "ienes", "rúpias"),
}
_CODES = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
_AMOUNT_ELSEWHERE = re.compile(r"[0-9](?:[0-9.,]{0,24}[0-9])?")
_BEFORE_ELSEWHERE = re.compile(rf"([$£€¥₹]|\b(?:{'|'.join(_CODES)})\b) ?({_AMOUNT_ELSEWHERE.pattern})")
_AFTER_ELSEWHERE = re.compile(rf"(?<![0-9.,])({_AMOUNT_ELSEWHERE.pattern}) ?([$£€¥₹]|\b(?:{'|'.join(_CODES)})\b)")


def money(text: Traced) -> Traced:
    """Put English amounts in spoken order, keeping the digits. Never raises."""
    text = text.replace(_GROUPED, _grouped)
    text = text.replace(_BEFORE, _before).replace(_AFTER, _after)
    text = text.replace(_CENTS, lambda m: [m.span(1), " cent" if m[1] == "1" else " cents"])
    return text.replace(_PENCE, lambda m: [m.span(1), " penny" if m[1] == "1" else " pence"])


def money_elsewhere(text: Traced, language: str) -> Traced:
    """Name the currencies of another language behind the amounts, whose digits its voice reads. Never raises.

    Args:
        language: its first part, such as "es"; one that has no words here is left as it is.
    """
    if language not in _ELSEWHERE:
        return text
    named = dict(zip(_SIGNS, _ELSEWHERE[language], strict=True))

    def name(written: str) -> str:
        return named[_CODES.get(written, written)]

    text = text.replace(_BEFORE_ELSEWHERE, lambda m: [m.span(2), f" {name(m[1])}"])
    return text.replace(_AFTER_ELSEWHERE, lambda m: [m.span(1), f" {name(m[2])}"])


def _grouped(match: re.Match[str]) -> list[Piece]:
    thousands: list[Piece] = [",", match.span(3)] if match[3] else []
    return [match.span(1), ",", match.span(2), *thousands, ".", match.span(4)]


def _before(match: re.Match[str]) -> list[Piece] | None:
    currency, scale = match[1], match[4]
    if match[3]:
        named = f" {_scale(scale)}{_plural(_names(currency)[0])}"
        return [match.span(2), " to ", match.span(3), named]
    return _amount(match, 2, currency, scale)


def _after(match: re.Match[str]) -> list[Piece] | None:
    return _amount(match, 1, match[3], match[2])


def _amount(match: re.Match[str], group: int, currency: str, scale: str | None) -> list[Piece] | None:
    written = _DECIMAL_COMMA.sub(".", match[group])
    whole, _, fraction = written.partition(".")
    big, small = _names(currency)
    start = match.start(group)
    if scale:
        return [match.span(group), f" {_scale(scale)}{_plural(big)}"]
    if len(fraction) != 2 or not small:
        return [match.span(group), " " + (big if written == "1" else _plural(big))]
    cents = f"{int(fraction)} {small if int(fraction) == 1 else _plural(small)}"
    if not int(whole.replace(",", "") or "0"):
        return [cents]
    name = big if whole == "1" else _plural(big)
    return [(start, start + len(whole)), f" {name}" + (f" {int(fraction)}" if int(fraction) else "")]


def _names(currency: str) -> tuple[str, str]:
    return _MONEY[currency.upper()]


def _scale(written: str | None) -> str:
    return "" if written is None else _SCALES.get(written.lower(), written.lower()) + " "


def _plural(name: str) -> str:
    return _PLURALS.get(name, name + "s")
