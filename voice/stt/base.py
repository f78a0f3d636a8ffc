"""The protocols of speech recognisers: transcribe a whole utterance, or decode it while it is streamed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from voice.audio.formats import Float32Mono16k, Int16Mono16k
from voice.work.cancellation import Cancelled, never_cancelled


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """What language an utterance sounds like.

    Attributes:
        language: BCP 47 tag.
        probability: 0..1, the expected language's included.
        speech_s: seconds of speech in the utterance.
    """

    language: str
    probability: float
    speech_s: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript of one utterance.

    Attributes:
        text: the words, trimmed; empty if the audio has none.
        language: BCP 47 tag.
        confidence: 0..1, or None if the engine reports none.
        guess: the language that it sounds like, if that was asked.
    """

    text: str
    language: str = "en"
    confidence: float | None = None
    guess: LanguageGuess | None = None


@runtime_checkable
class Transcriber(Protocol):
    """An engine that transcribes whole utterances. Blocking: run it in a worker, never on the event loop."""

    name: str

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """Transcribe one utterance.

        Args:
            audio: mono samples at 16 kHz in [-1, 1], shape (n,), 0 < n <= 30 * 16000.
            prompt: words that are likely to occur (names, terms), at most 200 characters.
            cancelled: polled between decoding steps.

        Raises:
            InvalidAudio: NaN, infinite, empty or too many samples.
            Cancelled: `cancelled()` became true.
            EngineFailed: the engine failed.
        """
        ...


@runtime_checkable
class MultilingualTranscriber(Transcriber, Protocol):
    """A transcriber that takes the language per utterance."""

    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        """Transcribe one utterance in a given language.

        Args:
            language: BCP 47 tag; None for the configured language, or else a detected one.
            audio, prompt, cancelled: see `Transcriber.transcribe`.
            expected: the language that is likelier than others, "" for none; with it the transcript has a `guess`.
            sketch: see `SketchingTranscriber`.
        """
        ...


@runtime_checkable
class SketchingTranscriber(Transcriber, Protocol):
    """A transcriber that can also sketch: a quick transcript for a partial, which gives way to transcripts."""

    def sketch(self, audio: Float32Mono16k, *, cancelled: Cancelled = never_cancelled) -> Transcript:
        """Sketch the transcript of one utterance: decode it once, and look at nothing twice.

        Args:
            audio, cancelled: see `Transcriber.transcribe`.

        Raises:
            Cancelled: `cancelled()` became true, or the engine was wanted for a transcript.
            InvalidAudio, EngineFailed: see `Transcriber.transcribe`.
        """
        ...


class ByLanguage(ABC):
    """Makes a transcriber that can sketch of an engine that transcribes by language."""

    @abstractmethod
    def transcribe_in(
        self,
        language: str | None,
        audio: Float32Mono16k,
        prompt: str,
        cancelled: Cancelled,
        expected: str | None = None,
        *,
        sketch: bool = False,
    ) -> Transcript:
        """See `MultilingualTranscriber.transcribe_in`."""

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`."""
        return self.transcribe_in(None, audio, prompt, cancelled)

    def sketch(self, audio: Float32Mono16k, *, cancelled: Cancelled = never_cancelled) -> Transcript:
        """See `SketchingTranscriber.sketch`."""
        return self.transcribe_in(None, audio, "", cancelled, sketch=True)


@runtime_checkable
class Translator(Transcriber, Protocol):
    """A transcriber that can also translate into English."""

    def translate(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """Translate one utterance, of any language that the engine knows, into English.

        Args:
            audio, cancelled: see `Transcriber.transcribe`.
            prompt: English words that are likely to occur.

        Raises:
            CannotTranslate: the model has one language only.
            InvalidAudio, Cancelled, EngineFailed: see `Transcriber.transcribe`.
        """
        ...


class Translating:
    """A transcriber whose transcripts are translations into English.

    Args:
        translator: makes them.
    """

    def __init__(self, translator: Translator) -> None:
        self._translator = translator
        self.name = translator.name

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Translator.translate`."""
        return self._translator.translate(audio, prompt=prompt, cancelled=cancelled)


@runtime_checkable
class PerCallTranscriber(Transcriber, Protocol):
    """A transcriber with state per call, such as a detected language."""

    def for_call(self, expected: str = "") -> Transcriber:
        """Return a transcriber for one call, which owns the state of that call.

        Args:
            expected: BCP 47 tag of the language that the caller is likely to speak; empty for none.
        """
        ...


@runtime_checkable
class BatchingTranscriber(Protocol):
    """A transcriber that decodes several utterances at once."""

    def observe_batches(self, batched: Callable[[int], None]) -> None:
        """Have `batched` called with the size of each batch, in whichever thread."""
        ...


class TranscriptStream(Protocol):
    """One utterance that is decoded while it is streamed. Blocking; one caller at a time."""

    def accept(self, audio: Int16Mono16k) -> None:
        """Decode the next samples (any number; 20 ms at a time on the live path)."""
        ...

    def partial(self) -> str:
        """Return the partial transcript; its words may still change."""
        ...

    def finish(self) -> Transcript:
        """End the utterance and return its final transcript; the stream takes no more audio."""
        ...

    def close(self) -> None:
        """Return the decoder to the pool. Idempotent; call it after `finish` as well as instead of it."""
        ...


@runtime_checkable
class StreamingTranscriber(Transcriber, Protocol):
    """A transcriber that can also decode an utterance while it is streamed."""

    def stream(self, *, prompt: str = "") -> TranscriptStream | None:
        """Begin an utterance; return None if all decoders are in use (transcribe the utterance at its end instead)."""
        ...


def cannot_translate(name: str) -> str:
    """Return the sentence about an engine that does not translate."""
    return (
        f"{name} writes what is said in its own language, and translates nothing: "
        "use a multilingual Whisper (`glow models pull whisper:base`), or a language model for the translation."
    )
