"""Speakers of number stories: a person's recorded digits and letters, Piper and eSpeak NG."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.pauses.number_stories import NumberStory
from pipeline.turn.asked import NUMBER_WORDS
from voice.audio.containers import decode_file
from voice.audio.formats import RATE_HZ, Int16Mono16k, float32_of, int16_of
from voice.audio.resample import resample
from voice.tts.base import Synthesizer, VoiceStyle
from voice.work.cancellation import never_cancelled

PEOPLE = Path(__file__).parents[2] / "tests" / "audio" / "human"
"""Recordings of people, in the source tree."""

LEVEL = 0.05
"""Root mean square of a part, of full scale 1: -26 dB."""

AUDIBLE_DB = -40
"""What is fainter than this under the peak is no speech."""

WORD_GAP_MS = 60
"""Silence between two recorded words of a group."""

Float = NDArray[np.float32]


class Synthesized:
    """A speaker whose voice is synthesized; every part but the last ends as before a comma.

    Args:
        synthesizer: the engine.
        style: its voice.
    """

    def __init__(self, synthesizer: Synthesizer, style: VoiceStyle | None = None) -> None:
        self._synthesizer = synthesizer
        self._style = style or VoiceStyle()

    def says(self, words: str, *, last: bool) -> Int16Mono16k | None:
        """Speak a part: samples at 16 kHz from its first sound to its last."""
        text = f"{spelled_out(words)}{'.' if last else ','}"
        chunks = list(self._synthesizer.synthesize(text, self._style, cancelled=never_cancelled))
        audio = np.concatenate([chunk.audio for chunk in chunks])
        return _trimmed(float32_of(resample(audio, chunks[0].rate_hz, RATE_HZ)))


class Recorded:
    """A speaker of whom single words are recorded.

    Args:
        words: their recordings, float32 at 16 kHz.
    """

    def __init__(self, words: Mapping[str, Float]) -> None:
        self._words = {word: float32_of(_trimmed(audio)) for word, audio in words.items()}

    def says(self, words: str, *, last: bool) -> Int16Mono16k | None:
        """Speak a part as `Synthesized.says`; None if a word was never recorded."""
        del last
        if not all(word in self._words for word in words.split()):
            return None
        gap = np.zeros(WORD_GAP_MS * RATE_HZ // 1000, np.float32)
        parts = [part for word in words.split() for part in (self._words[word], gap)]
        return _trimmed(np.concatenate(parts[:-1]))


def recorded_person() -> Recorded:
    """Return Allison Smith, whose digits and letters are recorded; her "oh" is the letter.

    Raises:
        OSError: the recordings are not there, as outside a source tree.
    """
    files = [*(PEOPLE / "words").glob("*.flac"), *(PEOPLE / "letters").glob("*.flac")]
    words = {file.stem: decode_file(file.read_bytes(), max_seconds=10) for file in files}
    return Recorded(words | {"oh": words["o"]})


Speaker = Synthesized | Recorded


def spelled_out(words: str) -> str:
    """Write letters as a synthesizer needs them: "s m a" becomes "S M A", but "a lamp" stays."""
    letters = all(len(word) == 1 or word in NUMBER_WORDS or word == "oh" for word in words.split())
    return " ".join(word.upper() if len(word) == 1 and (letters or word != "a") else word for word in words.split())


def speech_of(story: NumberStory, speaker: Speaker) -> tuple[Int16Mono16k, ...] | None:
    """Speak a story: its parts, each followed by its pause but for the last; None if the speaker cannot."""
    parts = []
    for number, words in enumerate(story.says):
        spoken = speaker.says(words, last=number == len(story.pauses_ms))
        if spoken is None:
            return None
        parts.append(spoken)
    return tuple(parts)


def joined(parts: tuple[Int16Mono16k, ...], pauses_ms: tuple[int, ...]) -> Int16Mono16k:
    """Join the parts of a story with its pauses."""
    silences = [np.zeros(ms * RATE_HZ // 1000, np.int16) for ms in (*pauses_ms, 0)]
    return np.concatenate([piece for both in zip(parts, silences, strict=True) for piece in both])


def _trimmed(audio: Float) -> Int16Mono16k:
    """Cut to what is audible, at the usual level."""
    loud = np.flatnonzero(np.abs(audio) > np.abs(audio).max() * 10 ** (AUDIBLE_DB / 20))
    speech = audio[loud[0] : loud[-1] + 1]
    return int16_of(speech * np.float32(LEVEL / np.sqrt(np.mean(speech**2))))
