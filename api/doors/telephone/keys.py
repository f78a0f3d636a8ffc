"""The keys of a telephone, as lines report them."""

from api.doors.line import Digit

KEYS = frozenset("0123456789*#ABCD")


def key_of(text: str) -> Digit | None:
    """Return the key that a text names; None if it names none."""
    key = text.strip().upper()
    return Digit(key) if key in KEYS else None
