"""Phone keys, pressed one by one and gathered into one message."""

from collections.abc import Callable

from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots

WAIT_S = 2.0
"""Longest time between two keys of one message; `#` ends it at once."""

DIGITS_LIMIT = 64
"""Most keys of one message."""


class Keypad:
    """Gathers keys until the message is complete.

    Args:
        slots: the session's tasks.
        clock: the session's clock.
        typed: takes the message.
    """

    def __init__(self, slots: Slots, clock: Clock, typed: Callable[[str], object]) -> None:
        self._slots = slots
        self._clock = clock
        self._typed = typed
        self._digits = ""

    def press(self, digit: str) -> None:
        """Take a key."""
        if digit == "#" and self._digits:
            self.finish()
            return
        self._digits += digit
        if len(self._digits) >= DIGITS_LIMIT:
            self.finish()
            return
        self._slots.replace("digits", self._rest())

    def finish(self) -> None:
        """Send the keys pressed so far, if any, as the message."""
        digits, self._digits = self._digits, ""
        if digits:
            self._slots.cancel("digits")
            self._typed(digits)

    async def _rest(self) -> None:
        await self._clock.sleep(WAIT_S)
        self.finish()
