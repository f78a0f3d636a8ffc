"""The waterfall of a turn: the timestamps of its stages, from the last word to the first audio."""

from dataclasses import dataclass

from pipeline.conversation.events import TurnLatency


@dataclass(slots=True)
class Stamps:
    """The timestamps of a reply, on the session's clock; None for what has not happened yet."""

    started: float = 0.0
    first_text: float | None = None
    first_clause: float | None = None
    first_audio: float | None = None


class Waterfall:
    """Measures one turn after another; all times are seconds on the session's clock."""

    def __init__(self) -> None:
        self._last_speech = 0.0
        self._transcript_asked = 0.0
        self._transcript_s = 0.0
        self._released = 0.0
        self._due = False

    def heard(self, last_speech: float) -> None:
        """Note when the latest speech sample arrived."""
        self._last_speech = last_speech

    def transcript_asked(self, now: float) -> None:
        """Note when a transcript of the utterance was requested."""
        self._transcript_asked = now

    def transcript_came(self, now: float) -> None:
        """Note when the transcript was ready."""
        self._transcript_s = now - self._transcript_asked

    def turn_ended(self, *, answered: bool) -> None:
        """Note that the turn is over; if it is answered, its waterfall is due with the first audio."""
        self._due = answered

    def released(self, now: float) -> None:
        """Note when the reply was released."""
        self._released = now

    def replied(self, turn: int, stamps: Stamps, now: float) -> TurnLatency | None:
        """Return the turn's latency at the first audio, once; None if no turn awaits its answer."""
        if not self._due:
            return None
        self._due = False
        first_text = stamps.first_text or now
        return TurnLatency(
            turn,
            endpoint_ms=_since(self._last_speech, self._released),
            stt_ms=round(self._transcript_s * 1000),
            llm_ms=_since(stamps.started, first_text),
            tts_ms=_since(stamps.first_clause or first_text, stamps.first_audio or now),
            voice_to_voice_ms=_since(self._last_speech, now),
        )


def _since(start: float, end: float) -> int:
    return max(0, round((end - start) * 1000))
