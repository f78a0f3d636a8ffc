"""Phone keys, pressed one by one and gathered into one message."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots

WAIT_S = 2.0
"""Longest time between two keys of one message; `#` ends it at once."""

DIGITS_LIMIT = 64
"""Most keys of one message."""

_WORDS = dict(zip("zero one two three four five six seven eight nine".split(), "0123456789", strict=True))
_OFFERED = re.compile(
    rf"\b(?:press|dial|key|choose|or|and)\s+(?:the\s+)?(?:number\s+|key\s+)?([0-9]|{'|'.join(_WORDS)})\b(?![\d-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What keys mean on a telephone, beside being typed.

    Attributes:
        wait_s: longest time between two keys of one message.
        repeats: alone, has the persona say its latest reply again; empty for no such key.
        human: alone, asks for a human; empty for no such key.
        unrecorded: alone, ends the recording, if there is one; empty for no such key.
    """

    wait_s: float = 3.0
    repeats: str = "*"
    human: str = "0"
    unrecorded: str = "9"


@dataclass(frozen=True, slots=True)
class KeyActions:
    """What keys do in a call.

    Attributes:
        typed: takes a message of keys.
        pressed: the first key of one was pressed: it interrupts, as speech does.
        repeat: say the latest reply again.
        human: transfer the call to a human; None where there is none.
        unrecorded: record no more of the call; returns False if it is not recorded.
        said: returns the persona's latest words, which may offer keys.
    """

    typed: Callable[[str], object]
    pressed: Callable[[], None]
    repeat: Callable[[], None]
    human: Callable[[], None] | None
    unrecorded: Callable[[], bool]
    said: Callable[[], str]


class Keypad:
    """Gathers keys until the message is complete.

    Args:
        slots: the session's tasks.
        clock: the session's clock.
        actions: what the keys do.
        rules: those of a telephone; None where keys are typed, and nothing else.
    """

    def __init__(self, slots: Slots, clock: Clock, actions: KeyActions, rules: KeyRules | None = None) -> None:
        self._slots = slots
        self._clock = clock
        self._actions = actions
        self._rules = rules
        self._digits = ""
        self._offered: frozenset[str] = frozenset()

    def press(self, digit: str) -> None:
        """Take a key."""
        if not self._digits and self._rules is not None:
            self._offered = offered_keys(self._actions.said())
            self._actions.pressed()
            if digit == self._rules.repeats:
                self._actions.repeat()
                return
        if digit == "#" and self._digits:
            self.finish()
            return
        self._digits += digit
        if len(self._digits) >= DIGITS_LIMIT or self._digits in self._offered:
            self.finish()
            return
        self._slots.replace("digits", self._rest())

    def finish(self) -> None:
        """Send the keys pressed so far, if any, as the message."""
        digits, self._digits = self._digits, ""
        if not digits:
            return
        self._slots.cancel("digits")
        human = self._actions.human
        if human is not None and self._rules is not None and digits == self._rules.human:
            human()
        elif not self._stops_recording(digits):
            self._actions.typed(digits)

    def _stops_recording(self, digits: str) -> bool:
        rules = self._rules
        asks = rules is not None and digits == rules.unrecorded and digits not in self._offered
        return asks and self._actions.unrecorded()

    async def _rest(self) -> None:
        await self._clock.sleep(self._rules.wait_s if self._rules is not None else WAIT_S)
        self.finish()


def offered_keys(said: str) -> frozenset[str]:
    """Return the keys that words offer, such as "press 1 for billing, or 2": one of them needs no waiting.

    None if a longer entry is asked for, such as a number that `#` ends.
    """
    if not re.search(r"\b(?:press|dial|key)\b", said, re.IGNORECASE) or re.search(
        r"\b(?:enter|hash|pound)\b|#", said, re.IGNORECASE
    ):
        return frozenset()
    return frozenset(_WORDS.get(key.lower(), key) for key in _OFFERED.findall(said))
