"""The lead of a line: the less jitter, the less audio is buffered at the client.

Audio sent ahead plays on after a barge-in, so the lead should be short.
"""

LONGEST_LEAD_MS = 300
"""Longest lead, and the lead of a line whose jitter is not known yet."""

SHORTEST_LEAD_MS = 100

_SPARE_MS = 60
_DEVIATIONS = 4  # as in TCP's retransmission timer, RFC 6298
_RISE, _FALL = 0.5, 0.125
_UNKNOWN_MS = (LONGEST_LEAD_MS - _SPARE_MS) / _DEVIATIONS
_LONGEST_BLOCK_MS = 100
_STEP_MS = 20


class AdaptiveLead:
    """Adapts the lead of one line to its jitter.

    Attributes:
        fixed_ms: a fixed lead; None to adapt it.
    """

    def __init__(self) -> None:
        self.fixed_ms: int | None = None
        self.forget()

    def forget(self) -> None:
        """Reset to a line of unknown jitter."""
        self._deviation_ms = _UNKNOWN_MS

    @property
    def lead_ms(self) -> int:
        """The lead in milliseconds."""
        if self.fixed_ms is not None:
            return self.fixed_ms
        wanted = _SPARE_MS + _DEVIATIONS * self._deviation_ms
        return round(min(max(wanted, SHORTEST_LEAD_MS), LONGEST_LEAD_MS))

    @property
    def block_ms(self) -> int:
        """Length of a block in milliseconds: two fifths of the lead, so that three are there when the next comes."""
        return max(_STEP_MS, min(self.lead_ms * 2 // 5 // _STEP_MS * _STEP_MS, _LONGEST_BLOCK_MS))

    def acknowledged(self, off_ms: float) -> None:
        """Note how far an acknowledged position was from the expected one, either way."""
        change = abs(off_ms) - self._deviation_ms
        self._deviation_ms = min(self._deviation_ms + change * (_RISE if change > 0 else _FALL), _UNKNOWN_MS)

    def late(self, late_ms: float) -> None:
        """Note how much too late audio was sent."""
        if late_ms > self._deviation_ms:
            self.acknowledged(late_ms)
