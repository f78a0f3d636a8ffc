"""Generates piper:nano, a small real Piper voice for tests: a diphone synthesizer of eSpeak NG's sounds, in ONNX.

The inventory is audio: for every pair of neighbouring phonemes the second half of the first and the first half of the
second, each a row of pitch marks in one long waveform. The graph takes phoneme ids as every Piper voice does, finds the
two halves of each phoneme by its neighbours, picks a pitch mark per frame, and overlap-adds the windowed waveform
around it, one period to each side, one period apart (Moulines and Charpentier 1990, TD-PSOLA, at a constant pitch). So
it can synthesize any text at any rate; a frame is a period, and the graph's only `Ceil` computes the durations.

The voice is intentionally a monotone robot: a test voice, not for users. The output is deterministic.

    python scripts/make_piper_nano.py [FOLDER]

Needs: this project with its `dev` extra.
"""

import ctypes
import json
import os
import random
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import samplerate
from numpy.typing import NDArray
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

sys.path.insert(0, str(Path(__file__).parent))
from piper_nano_graph import ID_COUNT, Graph

from voice.tts.espeak.engine import EspeakEvent
from voice.tts.espeak.voices import data_folder

RATE_HZ = 16_000
PERIOD = 144
WORDS_PER_MINUTE, PITCH = 165, 70
SENTENCES = 2500
CANDIDATES = 24
SILENCE = ("", False, False)
PAUSES = {",": 14, ";": 16, ":": 16, ".": 18, "!": 18, "?": 18}
"""Frames of silence per punctuation mark."""

Symbol = tuple[str, bool, bool]
"""A code point with a sound, whether it is stressed, whether it is long or syllabic; or `SILENCE`."""


@dataclass(frozen=True)
class Phoneme:
    """A symbol of a harvested sentence, with its span in samples at RATE_HZ."""

    symbol: Symbol
    start: int
    end: int


@dataclass
class Half:
    """Half a phoneme: its pitch marks, and the samples of its sentence."""

    marks: NDArray[np.int64]
    audio: NDArray[np.float32]
    middle: NDArray[np.float32] = field(repr=False)  # spectrum at the joint


class Espeak:
    """eSpeak NG without intonation, with phoneme timings."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate_hz = self._library.espeak_Initialize(2, 200, os.fsencode(data_folder()), 0x8000 | 3)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._audio: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EspeakEvent))
        self._callback = kind(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetVoiceByName(b"gmw/en-US")
        for parameter, value in ((1, WORDS_PER_MINUTE), (2, 100), (3, PITCH), (4, 0)):
            self._library.espeak_SetParameter(parameter, value, 0)

    def say(self, text: str) -> tuple[NDArray[np.float32], list[Phoneme]]:
        """Synthesize a sentence at RATE_HZ; return the samples and the phonemes."""
        self._audio, self._events = [], []
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, len(data), 0, 1, 0, 0x1001, None, None)
        ratio = RATE_HZ / self._rate_hz
        audio = samplerate.resample(np.concatenate(self._audio).astype(np.float32) / 32768, ratio, "sinc_medium")
        starts = [round(sample * ratio) for sample, _ in self._events] + [len(audio)]
        phonemes: list[Phoneme] = []
        for (_, name), start, end in zip(self._events, starts, starts[1:], strict=False):
            symbols = list(symbols_of(name)) or [SILENCE]
            edges = np.linspace(start, end, len(symbols) + 1).astype(int)
            phonemes += [Phoneme(s, int(a), int(b)) for s, a, b in zip(symbols, edges, edges[1:], strict=False)]
        return audio.astype(np.float32), phonemes

    def _hear(self, wave: Any, count: int, events: Any) -> int:
        if count > 0:
            self._audio.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type:
            if events[index].type == 7:
                name = bytes(events[index].id.string).split(b"\0")[0].decode(errors="ignore")
                self._events.append((events[index].sample, name))
            index += 1
        return 0


def symbols_of(phonemes: str) -> Iterator[Symbol]:
    """Yield the symbols of an IPA string, as the graph distinguishes them."""
    points = unicodedata.normalize("NFD", phonemes)
    for at, point in enumerate(points):
        if point in DEFAULT_PHONEME_ID_MAP and point.isalpha() and point not in "ˈˌːʲ":
            yield point, points[at - 1 : at] in ("ˈ", "ˌ"), points[at + 1 : at + 2] in ("ː", "̩")


def harvest() -> dict[tuple[Symbol, Symbol], list[tuple[Half, Half]]]:
    """Collect candidates from several sentences: for each pair of neighbours the second and the first half."""
    words = (Path(__file__).parent / "everyday_words.txt").read_text(encoding="utf-8").split()
    chance = random.Random(1)
    espeak = Espeak()
    found: dict[tuple[Symbol, Symbol], list[tuple[Half, Half]]] = defaultdict(list)
    for number in range(SENTENCES):
        chosen = [chance.choice(words) for _ in range(chance.randint(2, 7))]
        if number % 5 == 0:
            chosen[len(chosen) // 2] += ","
        audio, phonemes = espeak.say(" ".join(chosen) + ".")
        audio = np.pad(audio, (4 * PERIOD, 4 * PERIOD))
        marks = pitch_marks(audio)
        quiet = [Phoneme(SILENCE, -2 * PERIOD, 0)] if phonemes[0].symbol != SILENCE else []
        row = [Phoneme(p.symbol, p.start + 4 * PERIOD, p.end + 4 * PERIOD) for p in quiet + phonemes]
        for first, second in pairwise(row):
            candidates = found[first.symbol, second.symbol]
            if len(candidates) < CANDIDATES and (half := halves(audio, marks, first, second)) is not None:
                candidates.append(half)
    return {pair: candidates for pair, candidates in found.items() if candidates}


def halves(
    audio: NDArray[np.float32], marks: NDArray[np.int64], first: Phoneme, second: Phoneme
) -> tuple[Half, Half] | None:
    """Cut the two halves at a boundary of phonemes; of a silence at most four periods."""
    begin, end = (first.start + first.end) // 2, (second.start + second.end) // 2
    if first.symbol == SILENCE:
        begin = max(begin, first.end - 4 * PERIOD)
    if second.symbol == SILENCE:
        end = min(end, second.start + 4 * PERIOD)
    left, right = (marks[(marks >= a) & (marks < b)] for a, b in ((begin, first.end), (second.start, end)))
    if not len(left) + len(right) or begin < PERIOD or end + PERIOD > len(audio):
        return None
    return Half(left, audio, spectrum(audio, begin)), Half(right, audio, spectrum(audio, end))


def spectrum(audio: NDArray[np.float32], at: int) -> NDArray[np.float32]:
    """Compute the coarse log spectrum around a sample, which should match at a joint."""
    window = audio[max(0, at - 2 * PERIOD) : at + 2 * PERIOD]
    power = np.abs(np.fft.rfft(window * np.hanning(len(window)), 1024)) ** 2
    return np.log(power[:384].reshape(24, 16).sum(axis=1) + 1e-5).astype(np.float32)


def pitch_marks(audio: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find pitch marks: one per period at the same phase of the fundamental, or one period apart if unvoiced."""
    cut = np.fft.rfft(audio)
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE_HZ)
    low = np.fft.irfft(cut * ((hertz > 60) & (hertz < 180)), len(audio))
    total = np.fft.irfft(cut * (hertz > 60), len(audio))
    voiced = around(low**2) > 0.002 * around(total**2) + 2e-6
    peaks = np.flatnonzero((low[1:-1] > low[:-2]) & (low[1:-1] >= low[2:])) + 1
    marks = [PERIOD]
    while marks[-1] < len(audio) - 2 * PERIOD:
        want = marks[-1] + PERIOD
        near = peaks[np.searchsorted(peaks, want - PERIOD * 2 // 5) : np.searchsorted(peaks, want + PERIOD * 2 // 5)]
        if len(near) and voiced[want]:
            want = int(near[np.argmin(np.abs(near - want))])
        marks.append(want)
    return np.array(marks)


def around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the moving average over two periods."""
    sums = np.cumsum(np.pad(values, (PERIOD, PERIOD)))
    return (sums[2 * PERIOD :] - sums[: -2 * PERIOD]) / (2 * PERIOD)


def best(candidates: list[tuple[Half, Half]], centres: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Half, Half]:
    """Choose the candidate of typical length whose ends match those of its neighbours best."""
    lengths = np.array([[len(left.marks), len(right.marks)] for left, right in candidates], float)
    usual = np.median(lengths, axis=0)

    def cost(index: int) -> float:
        left, right = candidates[index]
        ends = np.abs(left.middle - centres[0]).mean() + np.abs(right.middle - centres[1]).mean()
        return float(ends + 0.3 * np.abs(lengths[index] - usual).sum())

    return candidates[min(range(len(candidates)), key=cost)]


class Store:
    """The waveform of all halves, and the pitch marks of the halves of each pair of symbols."""

    def __init__(self, found: dict[tuple[Symbol, Symbol], list[tuple[Half, Half]]]) -> None:
        self.symbols = [SILENCE, *sorted({symbol for pair in found for symbol in pair} - {SILENCE})]
        number = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._wave = [np.zeros(2 * PERIOD, np.float32)]
        self._length = 2 * PERIOD
        self._marks: list[int] = [PERIOD]
        size = len(self.symbols)
        self.left, self.right = np.full((size, size, 2), -1), np.full((size, size, 2), -1)
        middles = self._middles(found)
        for (first, second), candidates in sorted(found.items()):
            left, right = best(candidates, (middles[first], middles[second]))
            at = number[first], number[second]
            start = int(np.concatenate([left.marks, right.marks])[0]) - PERIOD
            offset = self._keep(left, right)
            self.left[at] = self._row(left.marks - start + offset)
            self.right[at] = self._row(right.marks - start + offset)
        self._fill(middles)

    @property
    def wave(self) -> NDArray[np.float32]:
        return np.concatenate(self._wave)

    @property
    def marks(self) -> NDArray[np.int64]:
        return np.array(self._marks)

    def _keep(self, left: Half, right: Half) -> int:
        both = np.concatenate([left.marks, right.marks])
        self._wave.append(left.audio[both[0] - PERIOD : both[-1] + PERIOD])
        offset, self._length = self._length, self._length + len(self._wave[-1])
        return offset

    def _row(self, marks: NDArray[np.int64]) -> tuple[int, int]:
        start = len(self._marks)
        self._marks += [int(mark) for mark in marks]
        return start, len(marks)

    @staticmethod
    def _middles(found: dict[tuple[Symbol, Symbol], list[tuple[Half, Half]]]) -> dict[Symbol, NDArray[np.float32]]:
        all_of: dict[Symbol, list[NDArray[np.float32]]] = defaultdict(list)
        for (first, second), candidates in found.items():
            for left, right in candidates:
                all_of[first].append(left.middle)
                all_of[second].append(right.middle)
        return {symbol: np.median(spectra, axis=0) for symbol, spectra in all_of.items()}

    def _fill(self, middles: dict[Symbol, NDArray[np.float32]]) -> None:
        """Fill unseen pairs with the half next to the most similar symbol."""
        spectra = np.array([middles[symbol] for symbol in self.symbols])
        apart = np.abs(spectra[:, None] - spectra[None]).mean(axis=2)
        for index, symbol in enumerate(self.symbols):
            like = [other for other, (point, *_) in enumerate(self.symbols) if point == symbol[0]]
            apart[index, like] *= 0.1
        self.met = self.left[:, :, 0] >= 0
        for first, second in zip(*np.nonzero(~self.met), strict=True):
            for table, met, wanted in ((self.left, self.met[first], second), (self.right, self.met[:, second], first)):
                others = np.flatnonzero(met)
                if not len(others):
                    table[first, second] = (0, 1)
                    continue
                nearest = others[np.argmin(apart[wanted, others])]
                table[first, second] = self.left[first, nearest] if table is self.left else self.right[nearest, second]


def constants(store: Store) -> dict[str, NDArray[Any]]:
    """Return the constant tables of the graph."""
    symbol_of = np.full((ID_COUNT, 2, 2), -1, np.int64)
    pause_of, is_stress, is_long = (np.zeros(ID_COUNT, np.int64) for _ in range(3))
    number = {symbol: index for index, symbol in enumerate(store.symbols)}
    for point, (identity, *_) in DEFAULT_PHONEME_ID_MAP.items():
        is_stress[identity], is_long[identity] = point in ("ˈ", "ˌ"), point in ("ː", "̩")
        if point in PAUSES or point in "^$":
            symbol_of[identity] = 0
            pause_of[identity] = PAUSES.get(point, 1)
        for symbol in symbols_of(point) if len(point) == 1 else ():
            for stressed in (0, 1):
                for long in (0, 1):
                    likest = (symbol[0], bool(stressed), bool(long)), (symbol[0], False, bool(long)), symbol
                    found = [number[one] for one in (*likest, (symbol[0], True, False), (symbol[0], True, True))
                             if one in number]  # fmt: skip
                    symbol_of[identity, stressed, long] = found[0] if found else -1
    wave = store.wave / np.max(np.abs(store.wave))
    return {
        "wave": np.round((np.sign(wave) * np.log1p(255 * np.abs(wave)) / np.log(256) + 1) * 127.5).astype(np.uint8),
        "levels": expanded(np.arange(256) / 127.5 - 1).astype(np.float32) * np.float32(0.6),
        "window": (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * PERIOD) / PERIOD)).astype(np.float32),
        "around": np.arange(-PERIOD, PERIOD),
        "marks": store.marks,
        "symbol_of": symbol_of.reshape(-1),
        "pause_of": pause_of,
        "is_stress": is_stress,
        "is_long": is_long,
        "left": store.left.reshape(-1, 2),
        "right": store.right.reshape(-1, 2),
    }


def expanded(compressed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expand mu-law values in [-1, 1] to samples."""
    return np.sign(compressed) * (256 ** np.abs(compressed) - 1) / 255


def describe() -> dict[str, Any]:
    """Return the contents of the voice's .onnx.json."""
    return {
        "audio": {"sample_rate": RATE_HZ, "quality": "x_low"},
        "espeak": {"voice": "en-us"},
        "language": {"code": "en_US", "family": "en", "region": "US"},
        "phoneme_type": "espeak",
        "num_symbols": ID_COUNT,
        "num_speakers": 1,
        "speaker_id_map": {},
        "inference": {"noise_scale": 0.0, "length_scale": 1.0, "noise_w": 0.0},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": PERIOD,
        "test_voice": True,
        "dataset": "piper-nano, a test voice cut from eSpeak NG by scripts/make_piper_nano.py; never for people",
    }


def main() -> None:
    """Write nano.onnx and nano.onnx.json."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("voice/test_models/piper-nano")
    store = Store(harvest())
    model = Graph(constants(store)).model()
    onnx.checker.check_model(model, full_check=True)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "nano.onnx"))
    (folder / "nano.onnx.json").write_text(json.dumps(describe(), ensure_ascii=False, indent=1), encoding="utf-8")
    met = int(store.met.sum())
    sys.stdout.write(f"{len(store.symbols)} symbols, {met} pairs, {(folder / 'nano.onnx').stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
