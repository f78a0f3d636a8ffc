"""English number words: cardinals, ordinals, years, digits, decimals.

They are American: without the "and" and the commas that num2words writes.
"""


def cardinal(number: int) -> str:
    """Return a cardinal such as "forty-two", for 0 <= number < 10**15."""
    return _written(number)


def ordinal(number: int) -> str:
    """Return an ordinal such as "twenty-first", for 0 <= number < 10**15."""
    return _written(number, "ordinal")


def year(number: int) -> str:
    """Return a year such as "nineteen eighty-four", for 1000 <= number < 10000."""
    return _written(number, "year").replace("oh-", "oh ")


def digits(text: str) -> str:
    """Return the digits of `text` one by one, such as "zero zero seven"; other characters are dropped."""
    return " ".join(cardinal(int(character)) for character in text if character in "0123456789")


def number(text: str) -> str:
    """Return the words for digits with an optional fraction ("3.14", "1234", "007", without thousands separators)."""
    whole, _, fraction = text.partition(".")
    words = digits(whole) if len(whole) > 12 or (len(whole) > 1 and whole[0] == "0") else cardinal(int(whole or "0"))
    return f"{words} point {digits(fraction)}" if fraction else words


def _written(number: int, form: str = "cardinal") -> str:
    from num2words import num2words  # knows fifty languages, and takes as many milliseconds to import

    written: str = num2words(number, to=form)
    return written.replace(" and ", " ").replace(",", "")
