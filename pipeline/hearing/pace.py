"""The pace of a recogniser: how often to ask it for partials and how early for a transcript, by what they cost here."""

from voice.audio.formats import RATE_HZ, Samples
from voice.work.workers import Pressure

READY_S = 0.05
"""From a transcript to the first audio of its reply: a scripted persona and a neural voice."""

LEAST_QUIET = 60 * RATE_HZ // 1000
"""Samples of silence before a look: shorter ones are in the middle of words."""

PARTIALS_TAKE, CROWDED_TAKE = 0.5, 0.25
"""Highest share of the time in which a partial of a call is being recognised: usually, and while the workers that
recognise have all hands full."""

FINAL_WAITS_S = 0.1
"""Waiting time of a transcript from which on no partial is asked for."""

CALM = Pressure()
"""Nothing else to do."""

_NEWEST = 0.3
"""Weight of the latest cost in the running mean."""


class HearingPace:
    """Chooses when to recognise, from the measured cost of partials and transcripts: their queueing, and other load.

    Nothing changes as long as a transcript after the eager silence is in time for the shortest endpoint delay.

    Args:
        every: shortest interval between partials, in samples; 0 for none.
        eager: silence after which the turn machine asks for the transcript, in samples.
        soonest: shortest silence that ends a turn, in samples; None if silence ends none.
        paced: partials come the seldomer the more they cost; else always at the shortest interval.
        over_replies: only while the persona speaks, when words confirm a barge-in: nobody reads them otherwise.
    """

    def __init__(
        self,
        *,
        every: Samples,
        eager: Samples,
        soonest: Samples | None,
        paced: bool = True,
        over_replies: bool = False,
    ) -> None:
        self._partial_s: float | None = None
        self._transcript_s: float | None = None
        self._every, self._eager, self._soonest, self._paced = every, eager, soonest, paced
        self._over_replies = over_replies

    def take(self, other: "HearingPace") -> None:
        """Take on the intervals of another one; what was measured stays."""
        self._every, self._eager, self._soonest = other._every, other._eager, other._soonest
        self._paced, self._over_replies = other._paced, other._over_replies

    def partial_took(self, seconds: float) -> None:
        """Note the cost of a partial, from its request to its words."""
        self._partial_s = _mean(self._partial_s, seconds)

    def transcript_took(self, seconds: float) -> None:
        """Note the cost of a transcript, from its request to its words."""
        self._transcript_s = _mean(self._transcript_s, seconds)

    def partial_after(self, *, first: bool, pressure: Pressure = CALM, over_reply: bool = True) -> Samples | None:
        """Return the time to the next partial from the last one, or to the first one from the beginning; None for none.

        In samples. The first one comes as soon as it may, whatever it costs: its words confirm a barge-in. While a
        transcript waits there is none.

        Args:
            first: whether the utterance has had none.
            pressure: what else the recogniser has to do.
            over_reply: whether the persona speaks, and words may stop her.
        """
        if not self._every or (self._over_replies and not over_reply):
            return None
        if not self._paced:
            return self._every
        if pressure.final_waits_s > FINAL_WAITS_S:
            return None
        if first:
            return self._every
        times = max(1 / PARTIALS_TAKE, pressure.load / CROWDED_TAKE)
        return max(self._every, round((self._partial_s or 0.0) * times * RATE_HZ))

    @property
    def look_after(self) -> Samples | None:
        """Silence after which to look ahead of the pause, in samples; None if the pause itself is early enough."""
        if self._soonest is None:
            return None
        cost_s = max(self._partial_s or 0.0, self._transcript_s or 0.0)
        latest = self._soonest - round((cost_s + READY_S) * RATE_HZ)
        return None if latest >= self._eager else max(LEAST_QUIET, latest)


def _mean(known: float | None, seconds: float) -> float:
    return seconds if known is None else known + _NEWEST * (seconds - known)
