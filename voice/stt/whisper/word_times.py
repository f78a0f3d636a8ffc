"""When each word of a recording is spoken, by Whisper's cross-attention."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voice.audio.formats import RATE_HZ, Float32Mono16k, Samples

if TYPE_CHECKING:
    from faster_whisper import WhisperModel


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of a recording.

    Attributes:
        text: as transcribed, with its punctuation.
        start, end: its estimated position, in samples at 16 kHz.
    """

    text: str
    start: Samples
    end: Samples


def timed_words(model: "WhisperModel", audio: Float32Mono16k, language: str = "en") -> list[TimedWord]:
    """Transcribe a recording with the times of its words, which are right to about a tenth of a second. Blocking.

    Args:
        model: a loaded faster-whisper model.
        audio: mono samples at 16 kHz in [-1, 1], shape (n,).
        language: the language spoken, as Whisper names it.

    Source: faster-whisper `WhisperModel.transcribe(word_timestamps=True)`.
    """
    segments, _ = model.transcribe(
        audio,
        language=language,
        beam_size=1,
        temperature=0.0,
        word_timestamps=True,
        condition_on_previous_text=False,
    )
    return [
        TimedWord(word.word.strip(), round(word.start * RATE_HZ), round(word.end * RATE_HZ))
        for segment in segments
        for word in segment.words or ()
    ]
