"""A recogniser of a known cost that hears the same words in everything: for measuring all that is around one."""

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
        milliseconds: how long a transcript takes, as a server elsewhere would: the thread waits, no processor works.
    """

    def __init__(self, milliseconds: int = 0) -> None:
        self.name = f"fixed:{milliseconds}"
        self._seconds = milliseconds / 1000

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`; the words are always the same."""
        del prompt
        checked(audio)
        if self._seconds:
            Event().wait(self._seconds)
        if cancelled():
            raise CancelledError("The transcript is no longer wanted.")
        return Transcript(WORDS)


def fixed_transcriber(name: str) -> FixedTranscriber:
    """The one that a setting's `fixed:NAME` means.

    Raises:
        EngineUnavailable: NAME is no number of milliseconds.
    """
    if name and not name.isdecimal():
        raise EngineUnavailable(f"fixed:{name} is no recogniser; write fixed:MILLISECONDS.")
    return FixedTranscriber(int(name or 0))
