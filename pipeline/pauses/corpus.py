"""The pause corpus: synthesized turns with pauses inside and known ends, in noise; the same for the same seed.

Every turn is one to three lines; a question ends its turn, as it does between people. A learner pauses between two
lines, and hesitates inside three lines of four: after any of its words, chosen evenly, sometimes with a filler. Pauses
last 100 to 1500 ms, evenly on a logarithmic scale. Two kinds of voices speak: eSpeak NG's, and the packaged Flite
recordings, joined where they end. All voices are synthetic.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import voice
from pipeline.pauses.lines import REPORT, TUNING, lines
from voice.audio.formats import FRAME, RATE_HZ, Int16Mono
from voice.audio.resample import resample
from voice.tts.base import Synthesizer, VoiceStyle
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.work.cancellation import never_cancelled

Part = Literal["tuning", "report"]
Place = Literal["inside a line", "between lines"]
Float = NDArray[np.float64]

LEAD_MS = 600
REST_MS = 2500
"""Noise alone before the first word and after the last one."""

SHORTEST_MS, LONGEST_MS = 100, 1500
SNR_DB = (10.0, 30.0)
LINES_IN_TURN = (0.5, 0.35, 0.15)
HESITATES, FILLS = 0.75, 0.3
FLITE_SHARE = 0.2
FILLERS = ("um", "uh")
NOISES = ("white", "pink", "babble")

_ASKS = frozenset("what when where who how why can could would will do does did is are may should".split())
_ESPEAK = ("en-us", "en-gb", "en-us+f2", "en-us+m3", "en-gb+f4", "en-gb-scotland", "en-us+m7", "en-gb-x-rp+f3")
_FLITE = ("slt", "rms", "awb")
_BEGUN = ("08", "09", "10", "11", "14")
_SCENES = ("records-office", "repair-desk", "clinic")
_RECORDINGS = Path(voice.__file__).parent / "recordings"


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence inside a turn.

    Attributes:
        start, end: samples.
        text: what was said up to here, as a recogniser without errors and without punctuation writes it.
        place: where it lies.
    """

    start: int
    end: int
    text: str
    place: Place

    @property
    def ms(self) -> int:
        """How long it lasts."""
        return (self.end - self.start) * 1000 // RATE_HZ


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """One turn.

    Attributes:
        audio: int16 mono at 16 kHz, shape (n,), whole frames; noise all the way.
        begin, end: samples at which the speech begins and ends.
        pauses: in order.
        text: everything that is said.
        voice, noise, snr_db: how it was made.
        recorded: whether it is joined from the Flite recordings.
    """

    audio: Int16Mono
    begin: int
    end: int
    pauses: tuple[Pause, ...]
    text: str
    voice: str
    noise: str
    snr_db: float
    recorded: bool


def pause_corpus(turns: int, seed: int, part: Part = "report") -> Iterator[SpokenTurn]:
    """Make turns, one in five of them from recordings.

    Args:
        turns: how many.
        seed: chooses everything; the same seed makes the same samples.
        part: which half of the lines is said.

    Raises:
        EngineUnavailable: eSpeak NG is not installed.
    """
    espeak = EspeakSynthesizer()
    said = lines(TUNING if part == "tuning" else REPORT)
    for number in range(turns):
        chance = np.random.default_rng([seed, number, part == "report"])
        if number % round(1 / FLITE_SHARE) == 0:
            yield _recorded(chance, part)
        else:
            yield _synthesized(chance, said, espeak)


# ------------------------------------------------------------------ stretches


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Speech between two pauses, and where the pause after it lies."""

    text: str
    audio: Float
    then: Place


def _synthesized(chance: Generator, said: tuple[str, ...], espeak: Synthesizer) -> SpokenTurn:
    name = str(chance.choice(_ESPEAK))
    style = VoiceStyle({"espeak": name}, rate=chance.uniform(0.85, 1.2), pitch=chance.uniform(0.85, 1.25))
    chosen = _in_order(chance.choice(said, size=_how_many(chance), replace=False).tolist())
    stretches = [
        _Stretch(text, _said(espeak, style, text), place) for line in chosen for text, place in _broken(chance, line)
    ]
    return _turn(chance, stretches, name, recorded=False)


def _how_many(chance: Generator) -> int:
    return 1 + int(chance.choice(len(LINES_IN_TURN), p=LINES_IN_TURN))


def _in_order(said: list[str]) -> list[str]:
    """Statements first, and of several questions only one, at the end."""
    asked = [line for line in said if line.split()[0] in _ASKS]
    return [line for line in said if line not in asked] + asked[:1]


def _broken(chance: Generator, line: str) -> list[tuple[str, Place]]:
    """Return a line in one or two pieces: a learner hesitates after any of its words, sometimes with a filler."""
    words = line.split()
    if len(words) < 3 or chance.random() > HESITATES:
        return [(line, "between lines")]
    at = int(chance.integers(1, len(words)))
    filler = [str(chance.choice(FILLERS))] if chance.random() < FILLS else []
    return [(" ".join(words[:at] + filler), "inside a line"), (" ".join(words[at:]), "between lines")]


def _recorded(chance: Generator, part: Part) -> SpokenTurn:
    """Return a begun phrase and the line that follows it, after another line or at once."""
    speaker = str(chance.choice(_FLITE))
    own = (1, 2, 3, 4) if part == "tuning" else (5, 6, 7, 8)
    scene = str(chance.choice(_SCENES))
    chosen = chance.choice(own, size=min(2, _how_many(chance)), replace=False)
    names = {_texts()[name]: name for name in (f"{speaker}/{scene}/{line:02d}" for line in chosen)}
    stretches = [_Stretch(*_recording(names[text]), "between lines") for text in _in_order(list(names))]
    begun = str(chance.choice(_BEGUN))
    if begun == "11":
        stretches[-1:] = [_Stretch(*_recording(f"{speaker}/turns/12"), "between lines")]
    text, audio = _recording(f"{speaker}/turns/{begun}")
    stretches.insert(len(stretches) - 1, _Stretch(text, audio, "inside a line"))
    return _turn(chance, stretches, speaker, recorded=True)


def _said(espeak: Synthesizer, style: VoiceStyle, text: str) -> Float:
    chunks = list(espeak.synthesize(text, style, cancelled=never_cancelled))
    return _trimmed(resample(np.concatenate([chunk.audio for chunk in chunks]), chunks[0].rate_hz, RATE_HZ))


@cache
def _texts() -> dict[str, str]:
    entries = json.loads((_RECORDINGS / "manifest.json").read_text("utf-8"))
    return {entry["file"].removesuffix(".flac"): entry["text"] for entry in entries}


@cache
def _recording(name: str) -> tuple[str, Float]:
    import soundfile

    audio, _ = soundfile.read(_RECORDINGS / f"{name}.flac", dtype="int16")
    return _texts()[name], _trimmed(audio)


def _trimmed(audio: Int16Mono) -> Float:
    """From the first to the last sample that can be heard, 40 dB under the peak, at an even level."""
    wave = audio / 32768
    loud = np.flatnonzero(np.abs(wave) > np.abs(wave).max() / 100)
    wave = wave[loud[0] : loud[-1] + 1]
    return np.asarray(wave * (0.05 / np.sqrt(np.mean(wave**2))), np.float64)


# ----------------------------------------------------------------------- turn


def _turn(chance: Generator, stretches: list[_Stretch], speaker: str, *, recorded: bool) -> SpokenTurn:
    begin = at = LEAD_MS * RATE_HZ // 1000 + int(chance.integers(0, FRAME))
    parts: list[Float] = [np.zeros(begin)]
    pauses: list[Pause] = []
    text = ""
    for number, stretch in enumerate(stretches):
        parts.append(stretch.audio)
        at += len(stretch.audio)
        text = f"{text} {stretch.text}".strip()
        if number < len(stretches) - 1:
            length = round(np.exp(chance.uniform(np.log(SHORTEST_MS), np.log(LONGEST_MS))) * RATE_HZ / 1000)
            pauses.append(Pause(at, at + length, text, stretch.then))
            parts.append(np.zeros(length))
            at += length
    rest = REST_MS * RATE_HZ // 1000
    parts.append(np.zeros(rest + -(at + rest) % FRAME))
    clean = np.concatenate(parts)
    noise, snr_db = str(chance.choice(NOISES)), float(chance.uniform(*SNR_DB))
    wave = clean + _noise(chance, noise, len(clean)) * 0.05 * 10 ** (-snr_db / 20)
    audio = np.rint(wave * 32767).clip(-32768, 32767).astype(np.int16)
    return SpokenTurn(audio, begin, at, tuple(pauses), text, speaker, noise, snr_db, recorded)


def _noise(chance: Generator, kind: str, length: int) -> Float:
    """Return noise with a root mean square of 1: white, pink (1/f), or six people talking at once in another room."""
    if kind == "babble":
        wave = np.sum([_talk(chance, length) for _ in range(6)], axis=0)
    else:
        wave = chance.standard_normal(length)
        if kind == "pink":
            spectrum = np.fft.rfft(wave)
            spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
            spectrum[0] = 0
            wave = np.fft.irfft(spectrum, length)
    return np.asarray(wave / np.sqrt(np.mean(wave**2)), np.float64)


def _talk(chance: Generator, length: int) -> Float:
    """Return one of them, without a break."""
    parts: list[Float] = []
    while sum(map(len, parts)) < length + RATE_HZ:
        name = f"{chance.choice(_FLITE)}/{chance.choice(_SCENES)}/{chance.integers(1, 9):02d}"
        parts.append(_recording(name)[1])
    start = int(chance.integers(0, RATE_HZ))
    return np.concatenate(parts)[start : start + length]


def frames(audio: Int16Mono) -> Iterable[Int16Mono]:
    """Return the audio in frames of 20 ms."""
    return audio.reshape(-1, FRAME)
