"""The recogniser that all calls share: each call has its own way through it, and sends its speech in segments."""

from voice.stt.base import PerCallTranscriber, Transcriber
from voice.stt.segment import Segment
from voice.work.workers import Workers


class SpeechToText:
    """A transcriber on shared workers.

    Args:
        transcriber: the engine.
        workers: where it runs.
    """

    def __init__(self, transcriber: Transcriber, workers: Workers) -> None:
        self.use(transcriber, workers)

    def use(self, transcriber: Transcriber, workers: Workers) -> None:
        """Have another engine transcribe, from the next call on; a call that is open keeps the one that it has."""
        self._transcriber = transcriber
        self._workers = workers
        self.name = transcriber.name

    def of(self, call: str) -> "CallToText":
        """One call's way to text; what the engine learns about the call is kept in it.

        Args:
            call: whose speech it is; the workers are fair between calls.
        """
        return CallToText(self._transcriber, self._workers, call)

    def segment(self, call: str, prompt: str = "") -> Segment:
        """Begin the one segment of a call that has no other; see `CallToText.segment`."""
        return self.of(call).segment(prompt)


class CallToText:
    """One call's way to text: it begins segments."""

    def __init__(self, transcriber: Transcriber, workers: Workers, call: str) -> None:
        self._transcriber = transcriber.for_call() if isinstance(transcriber, PerCallTranscriber) else transcriber
        self._workers = workers
        self._call = call

    def segment(self, prompt: str = "") -> Segment:
        """Begin a segment; to be closed by whoever began it.

        Args:
            prompt: words likely to occur (names, terms), at most 200 characters.
        """
        return Segment(self._transcriber, self._workers, self._call, prompt)
