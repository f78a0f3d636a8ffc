"""A recogniser with a fixed latency and a constant transcript, for load tests of everything around it."""

from threading import Event

from voice.audio.formats import Float32Mono16k
from voice.errors import Cancelled as CancelledError
from voice.errors import EngineUnavailable
from voice.stt.base import Transcript
from voice.stt.samples import checked
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

WORDS = "good morning what seems to be the problem"


class FixedTranscriber:
    """A Transcriber for load tests, chosen by `fixed` or `fixed:MILLISECONDS` and never by `auto`.

    Args:
        milliseconds: latency of a transcript; the thread sleeps, as for a remote server, and uses no CPU.
    """

    def __init__(self, milliseconds: int = 0) -> None:
        self.name = f"fixed:{milliseconds}"
        self._seconds = milliseconds / 1000

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`; the transcript is always the same."""
        del prompt
        checked(audio)
        if self._seconds:
            Event().wait(self._seconds)
        if cancelled():
            raise CancelledError("The transcript is no longer wanted.")
        return Transcript(WORDS)


def fixed_transcriber(name: str) -> FixedTranscriber:
    """Create the recogniser for the setting `fixed:NAME`.

    Raises:
        EngineUnavailable: NAME is not a number of milliseconds.
    """
    if name and not name.isdecimal():
        raise EngineUnavailable(f"fixed:{name} is no recogniser; write fixed:MILLISECONDS.")
    return FixedTranscriber(int(name or 0))
