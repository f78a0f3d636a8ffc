"""The language of a call: detected, settled by a long turn, and changed only if two long turns say so."""

from functools import partial
from threading import Lock

from voice.audio.formats import RATE_HZ, Float32Mono16k
from voice.stt.base import LanguageGuess, MultilingualTranscriber, Transcript
from voice.work.cancellation import (
    Cancelled,
    never_cancelled,
)

TELLING_S = 3.0
"""Seconds of speech that settle the language; a shorter turn is heard in the language it sounds like, if any."""

SURE = 0.8
"""Probability that settles the language."""

GUESSED = 2 * RATE_HZ
"""Samples from which the language of an unsettled call is guessed; shorter ones are in the expected language."""


class CallLanguage:
    """The language of one call, on a shared transcriber that detects languages. `for_turn` hears one turn of it.

    Args:
        transcriber: the shared transcriber.
        expected: BCP 47 tag of the language that the caller is likely to speak; empty for none.
    """

    def __init__(self, transcriber: MultilingualTranscriber, expected: str = "") -> None:
        self.name = transcriber.name
        self._transcriber = transcriber
        self._expected = primary(expected)
        self._lock = Lock()
        self._turn: TurnLanguage | None = None
        # What the earlier turns and the vote of the current one say.
        self._earlier: tuple[str, str] = ("", "")
        self._vote = ""

    def for_turn(self) -> "TurnLanguage":
        """Return a transcriber for one turn: each of its transcripts hears all of the turn so far."""
        return TurnLanguage(self, self._transcriber)

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """Transcribe a whole turn; see `Transcriber.transcribe`."""
        return self.for_turn().transcribe(audio, prompt=prompt, cancelled=cancelled)

    @property
    def settled(self) -> str:
        """The language that the turns so far have settled; empty before."""
        with self._lock:
            return _counted(self._earlier, self._vote)[0]

    @property
    def expected(self) -> str:
        """The language that a turn is in unless it sounds otherwise: the settled one, else that of the persona."""
        return self.settled or self._expected

    def heard(self, turn: "TurnLanguage", guess: LanguageGuess) -> None:
        """Count the latest guess of a turn, in place of its earlier ones; one of a turn that is over is ignored."""
        with self._lock:
            if turn is not self._turn:
                if turn.counted:
                    return
                self._earlier, self._vote, self._turn = _counted(self._earlier, self._vote), "", turn
                turn.counted = True
            self._vote = guess.language if guess.probability >= SURE and guess.speech_s >= TELLING_S else ""


class TurnLanguage:
    """A transcriber for one turn of a call; see `CallLanguage`.

    Attributes:
        counted: whether a guess of this turn was counted.
    """

    def __init__(self, call: CallLanguage, transcriber: MultilingualTranscriber) -> None:
        self.name = transcriber.name
        self.counted = False
        self._call = call
        self._transcriber = transcriber

    def transcribe(
        self, audio: Float32Mono16k, *, prompt: str = "", cancelled: Cancelled = never_cancelled
    ) -> Transcript:
        """See `Transcriber.transcribe`; transcribe again if this turn changes the language of the call."""
        return self._heard(audio, prompt, cancelled, sketch=False)

    def sketch(self, audio: Float32Mono16k, *, cancelled: Cancelled = never_cancelled) -> Transcript:
        """See `SketchingTranscriber.sketch`; sketches count as transcripts do."""
        return self._heard(audio, "", cancelled, sketch=True)

    def _heard(self, audio: Float32Mono16k, prompt: str, cancelled: Cancelled, *, sketch: bool) -> Transcript:
        call, settled, expected = self._call, self._call.settled, self._call.expected
        hear = partial(self._transcriber.transcribe_in, sketch=sketch)
        if len(audio) < GUESSED and expected:
            return hear(expected, audio, prompt, cancelled)
        transcript = hear(settled or None, audio, prompt, cancelled, expected)
        if transcript.guess is None or not transcript.text:
            return transcript
        call.heard(self, transcript.guess)
        changed = call.settled
        if changed and changed != transcript.language:
            return hear(changed, audio, prompt, cancelled)
        return transcript


def primary(language: str) -> str:
    """Return the language of a BCP 47 tag without its region: "es" of "es-MX"."""
    return language.strip().replace("_", "-").partition("-")[0].lower()


def _counted(earlier: tuple[str, str], vote: str) -> tuple[str, str]:
    """Return (settled, asked for by the last long turn), after one more turn's vote."""
    settled, asked = earlier
    if not vote:
        return earlier
    if not settled or vote == asked:
        return vote, ""
    return settled, "" if vote == settled else vote
