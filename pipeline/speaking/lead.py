"""How far ahead of playback a client's audio has to be with it: as little as its line is steady.

What is ahead plays on after the learner has begun to speak over it, so on a steady line it is little.
"""

LONGEST_LEAD_MS = 300
"""Audio is handed out at most this far ahead of playback, and so far while nothing is known of the line."""

SHORTEST_LEAD_MS = 100

_SPARE_MS = 60
_DEVIATIONS = 4  # as in TCP's retransmission timer, RFC 6298
_RISE, _FALL = 0.5, 0.125
_UNKNOWN_MS = (LONGEST_LEAD_MS - _SPARE_MS) / _DEVIATIONS
_LONGEST_BLOCK_MS = 100
_STEP_MS = 20


class AdaptiveLead:
    """One client's line, judged by what comes earlier or later than it should.

    Attributes:
        fixed_ms: a lead that holds whatever the line is like; None for one that adapts.
    """

    def __init__(self) -> None:
        self.fixed_ms: int | None = None
        self.forget()

    def forget(self) -> None:
        """Another line, of which nothing is known."""
        self._deviation_ms = _UNKNOWN_MS

    @property
    def lead_ms(self) -> int:
        """How far ahead of playback audio is to be."""
        if self.fixed_ms is not None:
            return self.fixed_ms
        wanted = _SPARE_MS + _DEVIATIONS * self._deviation_ms
        return round(min(max(wanted, SHORTEST_LEAD_MS), LONGEST_LEAD_MS))

    @property
    def block_ms(self) -> int:
        """How much is handed out at once: two fifths of the lead, so that three are there when the next comes."""
        return max(_STEP_MS, min(self.lead_ms * 2 // 5 // _STEP_MS * _STEP_MS, _LONGEST_BLOCK_MS))

    def acknowledged(self, off_ms: float) -> None:
        """Playback was found so far from where it was expected, either way."""
        change = abs(off_ms) - self._deviation_ms
        self._deviation_ms = min(self._deviation_ms + change * (_RISE if change > 0 else _FALL), _UNKNOWN_MS)

    def late(self, late_ms: float) -> None:
        """Audio left us so much later than it should have."""
        if late_ms > self._deviation_ms:
            self.acknowledged(late_ms)
