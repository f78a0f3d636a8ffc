"""Phone keys: pressed one by one, meant as one message."""

from collections.abc import Callable

from pipeline.tasks.clock import Clock
from pipeline.tasks.slots import Slots

WAIT_S = 2.0
"""Keys pressed within this of each other are one message; `#` ends it at once."""

DIGITS_LIMIT = 64
"""As many keys are a message, whether more follow or not."""


class Keypad:
    """Gathers keys until the message is whole.

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
        """One more key."""
        if digit == "#" and self._digits:
            self.finish()
            return
        self._digits += digit
        if len(self._digits) >= DIGITS_LIMIT:
            self.finish()
            return
        self._slots.replace("digits", self._rest())

    def finish(self) -> None:
        """No more keys follow: what was pressed is the message; nothing where nothing was."""
        digits, self._digits = self._digits, ""
        if digits:
            self._slots.cancel("digits")
            self._typed(digits)

    async def _rest(self) -> None:
        await self._clock.sleep(WAIT_S)
        self.finish()
