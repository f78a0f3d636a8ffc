"""The pause corpus: synthesized turns in noise, with pauses and known ends, deterministic by seed.

Every turn has one to three sentences; a question ends its turn, as it does between people. A learner pauses between two
sentences, and hesitates inside three of four: after any word, uniformly, sometimes with a filler. Pauses last 100 to
1500 ms, uniformly on a logarithmic scale. The voices are those of eSpeak NG, and the packaged Flite recordings,
concatenated. All of them are synthetic.
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
"""Noise before the first word and after the last one, in ms."""

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
    """A pause inside a turn.

    Attributes:
        start, end: sample positions.
        text: the text up to the pause, as a perfect recogniser without punctuation would transcribe it.
        place: where it lies.
    """

    start: int
    end: int
    text: str
    place: Place

    @property
    def ms(self) -> int:
        """Duration in ms."""
        return (self.end - self.start) * 1000 // RATE_HZ


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """A turn of the corpus.

    Attributes:
        audio: int16 mono at 16 kHz, shape (n,), whole frames, with noise throughout.
        begin, end: sample positions at which the speech begins and ends.
        pauses: its pauses, in order.
        text: the whole text.
        voice, noise, snr_db: how it was generated.
        recorded: whether it is concatenated from the Flite recordings.
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
    """Generate turns, one in five of them from recordings.

    Args:
        turns: number of turns.
        seed: random seed; the samples are deterministic.
        part: which half of the sentences to use.

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
    """Speech between two pauses, and the place of the pause after it."""

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
    """Order statements before questions, and keep only one question, at the end."""
    asked = [line for line in said if line.split()[0] in _ASKS]
    return [line for line in said if line not in asked] + asked[:1]


def _broken(chance: Generator, line: str) -> list[tuple[str, Place]]:
    """Split a sentence into one or two pieces: a learner hesitates after any word, sometimes with a filler."""
    words = line.split()
    if len(words) < 3 or chance.random() > HESITATES:
        return [(line, "between lines")]
    at = int(chance.integers(1, len(words)))
    filler = [str(chance.choice(FILLERS))] if chance.random() < FILLS else []
    return [(" ".join(words[:at] + filler), "inside a line"), (" ".join(words[at:]), "between lines")]


def _recorded(chance: Generator, part: Part) -> SpokenTurn:
    """Return a begun phrase and the sentence after it, after another sentence or immediately."""
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
    """Trim audio to its audible samples (40 dB below the peak) and normalise its level."""
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
    """Generate noise with a root mean square of 1: white, pink (1/f), or the babble of six people in another room."""
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
    """Generate the continuous speech of one of them."""
    parts: list[Float] = []
    while sum(map(len, parts)) < length + RATE_HZ:
        name = f"{chance.choice(_FLITE)}/{chance.choice(_SCENES)}/{chance.integers(1, 9):02d}"
        parts.append(_recording(name)[1])
    start = int(chance.integers(0, RATE_HZ))
    return np.concatenate(parts)[start : start + length]


def frames(audio: Int16Mono) -> Iterable[Int16Mono]:
    """Split audio into frames of 20 ms."""
    return audio.reshape(-1, FRAME)
