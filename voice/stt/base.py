"""What every speech recogniser is: a protocol of one verb, and of a second for those that decode as they listen."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from voice.audio.formats import Float32Mono16k, Int16Mono16k
from voice.work.cancellation import Cancelled, never_cancelled


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said.

    Attributes:
        text: the words, trimmed; empty when the audio holds none.
        language: BCP 47 tag.
        confidence: 0..1 where the engine gives one, else None.
    """

    text: str
    language: str = "en"
    confidence: float | None = None


@runtime_checkable
class Transcriber(Protocol):
    """Turns one utterance into text. Blocking: runs in a worker, never on the event loop."""

    name: str

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """Transcribe one utterance.

        Args:
            audio: mono samples at 16 kHz in [-1, 1], shape (n,), 0 < n <= 30 * 16000.
            prompt: words likely to occur (names, terms), at most 200 characters.
            cancelled: asked between decoding steps.

        Raises:
            InvalidAudio: NaN, infinite, empty or too many samples.
            Cancelled: `cancelled()` became true.
            EngineFailed: the engine broke.
        """
        ...


@runtime_checkable
class MultilingualTranscriber(Transcriber, Protocol):
    """A transcriber that can be told the language with each utterance."""

    def transcribe_in(
        self, language: str | None, audio: Float32Mono16k, prompt: str, cancelled: Cancelled
    ) -> Transcript:
        """`transcribe`, in a language that is known.

        Args:
            language: BCP 47 tag; None for the transcriber's own, or the one that it detects.
            audio, prompt, cancelled: see `Transcriber.transcribe`.
        """
        ...


@runtime_checkable
class PerCallTranscriber(Transcriber, Protocol):
    """A transcriber that learns something about a call and keeps it for the call's next utterance."""

    def for_call(self) -> Transcriber:
        """The transcriber for one call; what it learns lives and ends with what is returned."""
        ...


class TranscriptStream(Protocol):
    """One utterance being decoded as it arrives. Blocking; one caller at a time."""

    def accept(self, audio: Int16Mono16k) -> None:
        """Decode some more samples (any number; 20 ms at a time on the live path)."""
        ...

    def partial(self) -> str:
        """The words so far; may still change."""
        ...

    def finish(self) -> Transcript:
        """End the utterance and return its final transcript. The stream takes no more audio."""
        ...

    def close(self) -> None:
        """Give the decoder back. Idempotent; called after `finish` as well as instead of it."""
        ...


@runtime_checkable
class StreamingTranscriber(Transcriber, Protocol):
    """A transcriber that can also decode while the audio arrives."""

    def stream(self, *, prompt: str = "") -> TranscriptStream | None:
        """Begin an utterance; None when every decoder of the pool is taken (then transcribe it whole at its end)."""
        ...
