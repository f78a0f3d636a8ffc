"""How many packets of audio a line may send: a carrier sends fifty a second, an attacker thousands."""

from collections import deque

WINDOW_S = 5.0
FRAMES_PER_S = 60


class FrameRate:
    """Counts the packets of the latest seconds.

    Args:
        frames_per_s: most packets a second, on average over `window_s`.
    """

    def __init__(self, frames_per_s: int = FRAMES_PER_S, window_s: float = WINDOW_S) -> None:
        self._most = round(frames_per_s * window_s)
        self._window_s = window_s
        self._came: deque[float] = deque(maxlen=self._most)

    def exceeded(self, now: float) -> bool:
        """Count a packet; return whether it is one too many."""
        too_many = len(self._came) == self._most and now - self._came[0] < self._window_s
        self._came.append(now)
        return too_many
