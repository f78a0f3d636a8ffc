"""English number words: cardinals, ordinals, years, digits, decimals."""

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_SCALES = (10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> str:
    """Return a cardinal such as "forty-two", for 0 <= number < 10**15."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    size, name = next((size, name) for size, name in _SCALES if number >= size)
    count, rest = divmod(number, size)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Return an ordinal such as "twenty-first", for 0 <= number < 10**15."""
    head, separator, last = _last_word(cardinal(number))
    if last in _ORDINALS:
        return head + separator + _ORDINALS[last]
    return head + separator + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def year(number: int) -> str:
    """Return a year such as "nineteen eighty-four", for 1000 <= number < 10000."""
    century, rest = divmod(number, 100)
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    """Return the digits of `text` one by one, such as "zero zero seven"; other characters are dropped."""
    return " ".join(_SMALL[int(character)] for character in text if character in "0123456789")


def number(text: str) -> str:
    """Return the words for digits with an optional fraction ("3.14", "1234", "007", without thousands separators)."""
    whole, _, fraction = text.partition(".")
    words = digits(whole) if len(whole) > 12 or (len(whole) > 1 and whole[0] == "0") else cardinal(int(whole or "0"))
    return f"{words} point {digits(fraction)}" if fraction else words


def _last_word(words: str) -> tuple[str, str, str]:
    at = max(words.rfind(" "), words.rfind("-"))
    return (words[:at], words[at], words[at + 1 :]) if at >= 0 else ("", "", words)
