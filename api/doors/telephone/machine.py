"""Answering machines: who has answered a call that we made, and when a machine's greeting is over.

A person says a word or two and waits. A machine speaks on; its greeting ends in a silence or a beep.
"""

import asyncio
from collections import deque
from typing import Literal

import numpy as np

from api.doors.line import Hear
from api.doors.telephone.announcer import Announcer
from voice.audio.formats import FRAME, RATE_HZ, AudioFormat, Int16Mono
from voice.audio.intake import AudioIntake
from voice.speech.vad import SpeechDetector

FRAME_S = FRAME / RATE_HZ

SPEAKS_ON_S = 4.0
"""Speech of this length without a pause is a machine's."""

PAUSE_S = 0.6
SILENT_S = 2.0
"""Nobody has spoken for so long: somebody waits for us to."""

LONGEST_GREETING_S = 90.0
"""A machine that greets longer is left its message then."""

GREETING_OVER_S = 2.0
BEEP_S = 0.3
BEEP_HZ = (400, 2000)

_SPEECH = 0.5
_PURE = 0.8
"""The share of a frame's energy at one frequency, in a beep."""

_AUDIBLE = 10 ** (-50 / 20) * 32768

Answerer = Literal["human", "machine"]


async def who_answered(
    announcer: Announcer, wire: AudioFormat, early: tuple[Hear, ...] = ()
) -> tuple[Answerer, tuple[Hear, ...], bool]:
    """Listen until it is known who has answered; to a machine until its greeting is over.

    Args:
        wire: the caller's format.
        early: what came before.

    Returns:
        Who; all that came; and whether anything was said.

    Raises:
        ConnectionError: they have hung up.
    """
    rule, over = AnswererRule(), GreetingEnd()
    intake, detector = AudioIntake(wire), SpeechDetector()
    said, who = list(early), "human"
    try:
        async with asyncio.timeout(LONGEST_GREETING_S):
            while True:
                data = await announcer.audio()
                said.append(Hear(data))
                frames, _ = await intake.push(data)
                for frame in frames:
                    speech = detector.push(frame)
                    if who == "machine":
                        if over.push(frame, speech):
                            return "machine", tuple(said), True
                        continue
                    decided = rule.push(speech)
                    if decided == "human":
                        return "human", tuple(said), rule.spoke
                    who = decided or who
    except TimeoutError:
        return "machine", tuple(said), True
    finally:
        await intake.close()


class AnswererRule:
    """Decides who has answered, from the speech probability of each frame of 20 ms.

    Attributes:
        spoke: something was said.
    """

    def __init__(self) -> None:
        self.spoke = False
        self._speech_s = self._quiet_s = 0.0

    def push(self, speech: float) -> Answerer | None:
        """Take a frame; return who has answered, as soon as that is known."""
        if speech >= _SPEECH:
            self.spoke = True
            self._speech_s += self._quiet_s + FRAME_S if self._speech_s else FRAME_S
            self._quiet_s = 0.0
            return "machine" if self._speech_s > SPEAKS_ON_S else None
        self._quiet_s += FRAME_S
        return "human" if self._quiet_s >= (PAUSE_S if self.spoke else SILENT_S) - FRAME_S / 2 else None


class GreetingEnd:
    """Finds the end of a machine's greeting: two seconds of silence, or a beep."""

    def __init__(self) -> None:
        self._quiet_s = 0.0
        self._tones: deque[int] = deque(maxlen=round(BEEP_S / FRAME_S))
        self._beeped = False

    def push(self, frame: Int16Mono, speech: float) -> bool:
        """Take a frame, int16 of shape (320,) at 16 kHz; return whether the greeting is over."""
        tone = tone_of(frame)
        if self._beeped:
            return tone is None  # after the beep, not into it
        if tone is None:
            self._tones.clear()
            self._quiet_s = 0.0 if speech >= _SPEECH else self._quiet_s + FRAME_S
            return self._quiet_s >= GREETING_OVER_S - FRAME_S / 2
        self._quiet_s = 0.0
        self._tones.append(tone)
        self._beeped = len(self._tones) == self._tones.maxlen and max(self._tones) - min(self._tones) <= 1
        return False


def tone_of(frame: Int16Mono) -> int | None:
    """Return which band of 50 Hz holds nearly all of a frame; None if it is no tone of a beep's."""
    samples = frame.astype(np.float64)
    if float(np.sqrt(np.mean(samples**2))) < _AUDIBLE:
        return None
    energies = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    band = int(np.argmax(energies))
    hertz = band * RATE_HZ / len(samples)
    share = float(energies[max(0, band - 1) : band + 2].sum() / energies.sum())
    return band if share >= _PURE and BEEP_HZ[0] <= hertz <= BEEP_HZ[1] else None
