"""The recogniser shared by all calls, which each call uses in segments of speech."""

from voice.errors import CannotTranslate
from voice.stt.base import PerCallTranscriber, Transcriber, Translating, Translator, cannot_translate
from voice.stt.call_language import CallLanguage
from voice.stt.segment import Segment
from voice.work.workers import Priority, Workers


class SpeechToText:
    """A transcriber shared by all calls, on shared workers.

    Args:
        transcriber: the engine.
        workers: where it runs.
    """

    def __init__(self, transcriber: Transcriber, workers: Workers) -> None:
        self.use(transcriber, workers)

    def use(self, transcriber: Transcriber, workers: Workers) -> None:
        """Switch to another engine for new calls; open calls keep theirs."""
        self._transcriber = transcriber
        self._workers = workers
        self.name = transcriber.name

    def of(self, call: str, language: str = "", priority: Priority = Priority.FINAL) -> "CallToText":
        """Return the recogniser of one call, which holds the engine's state of that call.

        Args:
            call: id of the call, for fairness between calls.
            language: BCP 47 tag of the language that the caller is likely to speak; empty for none.
            priority: of the transcripts; `Priority.REQUEST` for audio that belongs to no call.
        """
        return CallToText(self._transcriber, self._workers, call, language, priority)

    def translating(self, call: str, priority: Priority = Priority.REQUEST) -> "CallToText":
        """Return a recogniser that translates into English.

        Args:
            call, priority: see `of`.

        Raises:
            CannotTranslate: the engine does not.
        """
        if not isinstance(self._transcriber, Translator):
            raise CannotTranslate(cannot_translate(self.name))
        return CallToText(Translating(self._transcriber), self._workers, call, priority=priority)

    def segment(self, call: str, prompt: str = "") -> Segment:
        """Begin the only segment of a call; see `CallToText.segment`."""
        return self.of(call).segment(prompt)


class CallToText:
    """The recogniser of one call."""

    def __init__(
        self,
        transcriber: Transcriber,
        workers: Workers,
        call: str,
        language: str = "",
        priority: Priority = Priority.FINAL,
    ) -> None:
        self._transcriber = (
            transcriber.for_call(language) if isinstance(transcriber, PerCallTranscriber) else transcriber
        )
        self._workers = workers
        self._call = call
        self._priority = priority

    def segment(self, prompt: str = "") -> Segment:
        """Begin a segment, which the caller must close.

        Args:
            prompt: words that are likely to occur (names, terms), at most 200 characters.
        """
        hearing = self._transcriber
        if isinstance(hearing, CallLanguage):
            hearing = hearing.for_turn()
        return Segment(hearing, self._workers, self._call, prompt, self._priority)
