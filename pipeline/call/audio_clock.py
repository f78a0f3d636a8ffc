"""Audio time on a line with gaps: how much silence replaces audio that did not arrive, so that turns still end."""

from dataclasses import dataclass

from voice.audio.formats import AudioFormat
from voice.errors import UnsupportedFormat

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class Gaps:
    """When missing audio is replaced by silence.

    Attributes:
        late_ms: how late the next audio may be: with packets of 20 ms, 40 ms is 60 ms without any.
        longest_ms: a larger jump of the timestamps, either way, is a new clock and no gap.
    """

    late_ms: int = 40
    longest_ms: int = 10_000


class AudioClock:
    """Counts a caller's audio against its timestamps and against real time.

    In real time silence is inserted 20 ms at a time, so that late audio is never far behind it. If a timestamp shows
    later that more was missing, the rest is inserted then; if it shows less, all of the audio is heard nonetheless.

    Args:
        gaps: the thresholds.
        wire: the input format, of a constant bit rate.
        now: the time, in seconds.
    """

    def __init__(self, gaps: Gaps, wire: AudioFormat, now: float) -> None:
        """Start counting.

        Raises:
            UnsupportedFormat: its bit rate is not constant.
        """
        self._gaps = gaps
        self._due = now
        self._end_ms: float | None = None
        self.take_format(wire)

    def take_format(self, wire: AudioFormat) -> None:
        """Switch to another input format.

        Raises:
            UnsupportedFormat: its bit rate is not constant.
        """
        if wire.encoding not in ("pcm16", "mulaw", "alaw"):
            raise UnsupportedFormat(f"Gaps in {wire.encoding} audio cannot be counted; use pcm16, mulaw or alaw.")
        self._bytes_per_ms = wire.rate_hz * wire.channels * (2 if wire.encoding == "pcm16" else 1) / 1000

    def heard(self, size: int, at_ms: float | None, now: float) -> int:
        """Count a message of audio.

        Args:
            size: its bytes.
            at_ms: its timestamp on the caller's clock, if it has one.
            now: its arrival, in seconds.

        Returns:
            Milliseconds of silence to insert before it, in whole frames.
        """
        duration_ms = size / self._bytes_per_ms
        silence_ms = self._missing_before(at_ms)
        if at_ms is not None:
            start_ms = at_ms if self._end_ms is None or self._is_new(at_ms) else self._end_ms + silence_ms
            self._end_ms = start_ms + duration_ms
        self._due = max(self._due, now) + duration_ms / 1000
        return silence_ms

    def wait_s(self, now: float) -> float:
        """Return the seconds until silence is due if no audio arrives; zero or less: it is due now."""
        return self._due + self._gaps.late_ms / 1000 - now

    def silence(self) -> int:
        """Count a frame of inserted silence; return its milliseconds."""
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
