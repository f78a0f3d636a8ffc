"""Turns from recordings of people: pauses of the recording's own room noise, inserted between words; the end is known.

Deterministic: what is inserted where follows from the recording's name.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from pipeline.pauses.corpus import LEAD_MS, REST_MS, Part, Pause, SpokenTurn
from voice.audio.formats import FRAME, RATE_HZ, Int16Mono
from voice.stt.whisper.word_times import TimedWord

SHORTEST_MS, LONGEST_MS = 300, 900
"""Bounds of an inserted pause, in ms, uniformly distributed."""

LEAST_WORDS = 4
"""Shorter recordings have too few gaps between words."""

WORDS_PER_PAUSE, MOST_PAUSES = 4, 3

_STEP = RATE_HZ // 100  # levels are measured in steps of 10 ms
_AUDIBLE_DB = -36.0  # below the recording's loudest step
_AROUND_MS = 120  # how far from an estimated word boundary the gap may lie
_FADE = RATE_HZ // 200
_SILENT_DB = -70.0
_ENDS = (".", "?", "!")
_NATURAL_MS = 100  # shorter silences are closures of consonants

Float = NDArray[np.float64]


def half_of(name: str) -> Part:
    """Return the half of the recordings that a name belongs to: rules are tuned on one and reported on the other."""
    return "tuning" if zlib.crc32(name.encode()) % 2 == 0 else "report"


def spliced_turn(name: str, audio: Int16Mono, words: Sequence[TimedWord]) -> SpokenTurn | None:
    """Insert pauses between the words of a recording.

    Silences that the speaker made are pauses of the turn, too.

    Args:
        name: the recording's name, the seed of what is inserted.
        audio: mono samples at 16 kHz, shape (n,).
        words: its words, in order.

    Returns:
        The turn; None if the recording has fewer than four words or is silent.
    """
    wave = audio / 32768
    audible = np.flatnonzero(_audible(wave))
    if len(words) < LEAST_WORDS or not len(audible):
        return None
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    begin, end = int(audible[0]) * _STEP, min(len(wave), int(audible[-1] + 1) * _STEP)
    gaps = [_quietest(wave, left, right) for left, right in pairwise(words)]
    cuts = _chosen(chance, [gap for gap in gaps if begin < gap < end], len(words))
    parts = [_faded(wave[start:stop]) for start, stop in pairwise([begin, *cuts, end])]
    lengths = [LEAD_MS, *(int(chance.integers(SHORTEST_MS, LONGEST_MS + 1)) for _ in cuts), REST_MS]
    noises = _noises(chance, _room(wave), [ms * RATE_HZ // 1000 for ms in lengths])
    spliced = np.concatenate([piece for pair in zip(noises, [*parts, np.zeros(0)], strict=True) for piece in pair])
    first, last = len(noises[0]), len(spliced) - len(noises[-1])
    moved = [gap + first - begin + sum(map(len, noises[1 : 1 + sum(cut < gap for cut in cuts)])) for gap in gaps]
    texts = [" ".join(word.text for word in words[:number]) for number in range(1, len(words) + 1)]
    pauses = tuple(_pauses(spliced, first, last, moved, texts))
    whole = np.rint(np.pad(spliced, (0, -len(spliced) % FRAME)) * 32768).clip(-32768, 32767).astype(np.int16)
    return SpokenTurn(whole, first, last, pauses, texts[-1], name, "room", float("nan"), recorded=True)


def _levels(wave: Float) -> Float:
    """Return the level of each whole step of 10 ms, in dB of full scale."""
    steps = wave[: len(wave) // _STEP * _STEP].reshape(-1, _STEP)
    return np.asarray(10 * np.log10(np.mean(steps**2, axis=1) + 1e-12), np.float64)


def _audible(wave: Float) -> NDArray[np.bool_]:
    levels = _levels(wave)
    return np.asarray(levels > max(levels.max(initial=-120.0) + _AUDIBLE_DB, _SILENT_DB))


def _quietest(wave: Float, left: TimedWord, right: TimedWord) -> int:
    """Return the quietest position near the boundary of two words, and nearer to it than their middles."""
    boundary = (left.end + right.start) // 2
    around = _AROUND_MS * RATE_HZ // 1000
    first = max(boundary - around, (left.start + left.end) // 2, _STEP)
    last = min(boundary + around, (right.start + right.end) // 2, len(wave) - _STEP)
    if last - first <= _STEP:
        return min(max(boundary, 0), len(wave))
    power = np.convolve(wave[first - _STEP : last + _STEP] ** 2, np.ones(2 * _STEP), "valid")
    return first + int(np.argmin(power))


def _chosen(chance: Generator, gaps: Sequence[int], words: int) -> list[int]:
    """Choose the gaps for pauses, none beside another."""
    chosen = set[int]()
    for number in chance.permutation(len(gaps)).tolist():
        if len(chosen) < min(MOST_PAUSES, max(1, words // WORDS_PER_PAUSE)) and not chosen & {number - 1, number + 1}:
            chosen.add(number)
    return [gaps[number] for number in sorted(chosen)]


def _room(wave: Float) -> Float:
    """Return the quietest 40 ms."""
    length = min(len(wave), 4 * _STEP)
    power = np.convolve(wave**2, np.ones(length), "valid")
    start = int(np.argmin(power))
    return wave[start : start + length]


def _noises(chance: Generator, room: Float, lengths: Sequence[int]) -> list[Float]:
    """Make background noise of each of the lengths, with the power spectrum of `room` and random phases."""
    spectrum = np.abs(np.fft.rfft(room * np.hanning(len(room)))) * np.sqrt(8 / 3 / len(room))
    noises = []
    for length in lengths:
        bins = np.fft.rfftfreq(length)
        magnitude = np.interp(bins, np.fft.rfftfreq(len(room)), spectrum) * np.sqrt(length)
        noises.append(np.fft.irfft(magnitude * np.exp(2j * np.pi * chance.random(len(bins))), length))
    return noises


def _faded(piece: Float) -> Float:
    """Fade both ends in 5 ms, so that a cut does not click."""
    ramp = np.ones(len(piece))
    fade = min(_FADE, len(piece) // 2)
    ramp[:fade] = np.linspace(0, 1, fade, endpoint=False)
    ramp[len(ramp) - fade :] = ramp[:fade][::-1]
    return piece * ramp


def _pauses(wave: Float, begin: int, end: int, gaps: Sequence[int], texts: Sequence[str]) -> Iterator[Pause]:
    """Yield all silences inside the turn, inserted ones and the speaker's own."""
    audible = np.flatnonzero(_audible(wave))
    for last, following in pairwise(audible):
        start, stop = int(last + 1) * _STEP, int(following) * _STEP
        if begin <= start and stop <= end and stop - start >= _NATURAL_MS * RATE_HZ // 1000:
            text = texts[sum(gap < stop for gap in gaps) - 1] if gaps[0] < stop else ""
            yield Pause(start, stop, text, "between lines" if text[-1:] in _ENDS else "inside a line")
