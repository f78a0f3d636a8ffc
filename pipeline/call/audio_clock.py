"""Audio time on a connection that leaves audio out: where silence has to stand in, so that turns still end."""

from dataclasses import dataclass

from voice.audio.formats import AudioFormat
from voice.errors import UnsupportedFormat

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class Gaps:
    """When audio that does not come is taken as silence.

    Attributes:
        late_ms: audio that comes later than this after what came before has ended is missing: 40 ms for packets of
            20 ms is 60 ms without any.
        longest_ms: timestamps that jump farther, or back, say nothing of a gap: the caller has a new clock.
    """

    late_ms: int = 40
    longest_ms: int = 10_000


class AudioClock:
    """Counts a caller's audio against its timestamps and against real time.

    Silence by real time is given 20 ms at a time, so that late audio is never far behind it. Where timestamps say
    later that more was missing, the rest is given then; where they say less, all of the audio is heard all the same.

    Args:
        gaps: when audio is missing.
        wire: the format of the audio; its length must follow from its size.
        now: the time, in seconds.
    """

    def __init__(self, gaps: Gaps, wire: AudioFormat, now: float) -> None:
        """Begin to count.

        Raises:
            UnsupportedFormat: the length of such audio does not follow from its size.
        """
        self._gaps = gaps
        self._due = now
        self._end_ms: float | None = None
        self.take_format(wire)

    def take_format(self, wire: AudioFormat) -> None:
        """From now on the audio comes in another format.

        Raises:
            UnsupportedFormat: the length of such audio does not follow from its size.
        """
        if wire.encoding not in ("pcm16", "mulaw", "alaw"):
            raise UnsupportedFormat(f"Gaps in {wire.encoding} audio cannot be counted; use pcm16, mulaw or alaw.")
        self._bytes_per_ms = wire.rate_hz * wire.channels * (2 if wire.encoding == "pcm16" else 1) / 1000

    def heard(self, size: int, at_ms: float | None, now: float) -> int:
        """Count a message of audio.

        Args:
            size: its bytes.
            at_ms: its timestamp on the caller's clock, if it has one.
            now: when it came, in seconds.

        Returns:
            Milliseconds of silence to be heard before it, in whole frames.
        """
        duration_ms = size / self._bytes_per_ms
        silence_ms = self._missing_before(at_ms)
        if at_ms is not None:
            start_ms = at_ms if self._end_ms is None or self._is_new(at_ms) else self._end_ms + silence_ms
            self._end_ms = start_ms + duration_ms
        self._due = max(self._due, now) + duration_ms / 1000
        return silence_ms

    def wait_s(self, now: float) -> float:
        """Seconds until silence is due if nothing comes; zero or less: it is due now."""
        return self._due + self._gaps.late_ms / 1000 - now

    def silence(self) -> int:
        """Count a frame of silence that stands in for audio; returns its milliseconds."""
        self._due += FRAME_MS / 1000
        if self._end_ms is not None:
            self._end_ms += FRAME_MS
        return FRAME_MS

    def _missing_before(self, at_ms: float | None) -> int:
        if at_ms is None or self._end_ms is None or self._is_new(at_ms):
            return 0
        return max(0, int(at_ms - self._end_ms)) // FRAME_MS * FRAME_MS

    def _is_new(self, at_ms: float) -> bool:
        return self._end_ms is not None and abs(at_ms - self._end_ms) > self._gaps.longest_ms
