"""The echo canceller on people's voices: what is left of an echo, and of whoever speaks over it."""

import copy
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.neural import people
from tests.voice.sound import recording
from voice.audio.formats import FRAME, RATE_HZ, Int16Mono
from voice.speech.echo import EchoCanceller
from voice.speech.endpointing import Endpointer
from voice.speech.vad import SpeechDetector

Audio = NDArray[np.float64]

ROOM_DB = -65.0


@pytest.fixture(scope="module")
def persona() -> Audio:
    """15 s of a voice, with pauses."""
    gap = np.zeros(RATE_HZ // 2)
    return np.concatenate([part for spoken in people("prompts")[:5] for part in (spoken.audio, gap)])[: 15 * RATE_HZ]


@pytest.fixture(scope="module")
def learner() -> Audio:
    """5 s of speech without a pause to speak of."""
    return people("prompts")[9].audio.astype(np.float64)


def echo_of(played: Audio, delay_ms: int, level_db: float, *, reverberant: bool) -> Audio:
    """What a microphone hears of it, in a room that rings for 300 ms."""
    late = np.concatenate([np.zeros(delay_ms * RATE_HZ // 1000 + 37), played])[: len(played)]
    if reverberant:
        times = np.arange(RATE_HZ // 5) / RATE_HZ
        ringing = np.random.default_rng(5).standard_normal(len(times)) * np.exp(-6.9 * times / 0.3)
        ringing *= 0.3 / np.linalg.norm(ringing)
        ringing[0] = 1.0
        late = np.convolve(late, ringing)[: len(played)]
    return late * 10 ** (level_db / 20)


def room(length: int) -> Audio:
    return np.random.default_rng(6).standard_normal(length) * 10 ** (ROOM_DB / 20)


def frames(audio: Audio) -> list[Int16Mono]:
    whole = audio[: len(audio) // FRAME * FRAME] * 32768
    return list(whole.clip(-32768, 32767).astype(np.int16).reshape(-1, FRAME))


def heard_ms(microphone: Audio, played: Audio, canceller: EchoCanceller | None) -> list[tuple[int, int]]:
    """The stretches of speech that are detected, in milliseconds."""
    detector, endpointer = SpeechDetector(), Endpointer()
    found: list[tuple[int, int]] = []
    for number, (frame, sent) in enumerate(zip(frames(microphone), frames(played), strict=True)):
        gated = canceller.push(frame, sent).gated if canceller else frame
        was_speaking = endpointer.speaking
        endpointer.push(detector.push(gated), (number + 1) * FRAME)
        if endpointer.speaking and not was_speaking:
            found.append((number * 20, number * 20))
        if endpointer.speaking:
            found[-1] = (found[-1][0], number * 20)
        if not endpointer.speaking:
            endpointer.reset()
    return found


QUICK = {(-10, 50, True), (-20, 400, False), (-30, 150, True)}
"""Levels, delays and rooms of the quick suite; the slow one has them all."""


@pytest.mark.parametrize(
    ("level_db", "delay_ms", "reverberant"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
        for case in product((-10, -20, -30), (50, 150, 400), (False, True))
    ],
)
def test_an_echo_is_no_speech(persona: Audio, level_db: int, delay_ms: int, reverberant: bool) -> None:
    microphone = echo_of(persona, delay_ms, level_db, reverberant=reverberant) + room(len(persona))
    canceller = EchoCanceller()
    heard = heard_ms(microphone, persona, canceller)
    assert sum(end - start for start, end in heard) <= 200, heard
    assert canceller.delay_ms == pytest.approx(delay_ms + 2, abs=3)
    uncancelled = sum(end - start for start, end in heard_ms(microphone, persona, None))
    assert uncancelled > 8_000, "without a canceller it is speech all the time"


@pytest.mark.parametrize("level_db", [-10, -20, -30])
def test_who_speaks_over_it_is_heard_at_once(persona: Audio, learner: Audio, level_db: int) -> None:
    begin = 6 * RATE_HZ
    spoken = np.zeros(len(persona))
    spoken[begin : begin + len(learner)] = learner
    microphone = echo_of(persona, 150, level_db, reverberant=True) + room(len(persona)) + spoken
    heard = heard_ms(microphone, persona, EchoCanceller())
    (alone, *_) = heard_ms(spoken + room(len(persona)), np.zeros(len(persona)), None)
    during = [(start, end) for start, end in heard if 5_900 < start < 6_000 + len(learner) // 16]
    assert during[0][0] <= alone[0] + 60
    assert sum(end - start for start, end in during) > 0.8 * len(learner) / 16
    assert sum(end - start for start, end in set(heard) - set(during)) <= 300


def test_a_learner_with_headphones_is_heard_as_without_a_canceller(persona: Audio, learner: Audio) -> None:
    spoken = room(len(persona))
    spoken[4 * RATE_HZ : 4 * RATE_HZ + len(learner)] += learner
    silence = np.zeros(len(persona))
    canceller = EchoCanceller()
    assert heard_ms(spoken, persona, canceller) == heard_ms(spoken, silence, None)
    assert canceller.delay_ms is None


def test_a_word_is_heard_at_once_wherever_in_the_reply_it_comes(persona: Audio) -> None:
    """On a line without noise, the first frame of a word may be like anything."""
    word = recording("slt/turns/07").astype(np.float64) / 32768
    canceller, quiet = EchoCanceller(), np.zeros(FRAME, np.int16)
    onset_ms = int(np.argmax(np.abs(word) > 0.02)) // 16
    late: list[tuple[int, list[int]]] = []
    sent = frames(persona)
    for number in range(400):
        if number > 100 and number % 6 == 0:
            spoken, after = frames(word), copy.deepcopy(canceller)
            detector, endpointer, starts = SpeechDetector(), Endpointer(), list[int]()
            for at, (frame, played) in enumerate(zip(spoken, sent[number:], strict=False)):
                endpointer.push(detector.push(after.push(frame, played).gated), (at + 1) * FRAME)
                starts += [at * 20] if endpointer.speaking else []
            if not starts or starts[0] > onset_ms + 160:
                late.append((number, starts))
        canceller.push(quiet, sent[number])
    assert late == []


def test_where_nothing_is_played_nothing_is_touched(learner: Audio) -> None:
    canceller = EchoCanceller()
    for frame in frames(learner):
        cleaned = canceller.push(frame, np.zeros(FRAME, np.int16))
        assert cleaned.audio is frame
        assert cleaned.gated is frame


def test_an_echo_whose_delay_changes_is_found_again(persona: Audio) -> None:
    half = len(persona) // 2
    first, second = (echo_of(persona, delay, -20, reverberant=False) for delay in (100, 300))
    canceller = EchoCanceller()
    heard = heard_ms(np.concatenate([first[:half], second[half:]]) + room(len(persona)), persona, canceller)
    assert canceller.delay_ms == pytest.approx(302, abs=3)
    assert sum(end - start for start, end in heard) <= 600


@pytest.mark.parametrize("loud", [1, 32_767])
def test_extremes_stay_in_range(loud: int) -> None:
    canceller = EchoCanceller()
    square = np.tile(np.repeat(np.array([loud, -loud], np.int16), 20), FRAME // 40)
    for _ in range(100):
        cleaned = canceller.push(square, square)
    assert cleaned.audio.dtype == np.int16
    assert cleaned.audio.shape == (FRAME,)


def test_noise_on_the_verge_of_silence_is_not_searched_in_every_frame(persona: Audio) -> None:
    looks = 0

    class Counted(EchoCanceller):
        def _search(self) -> float:
            nonlocal looks
            looks += 1
            return super()._search()

    canceller = Counted()
    noise = np.random.default_rng(9).standard_normal(10 * RATE_HZ) * 10 ** (-60 / 20)  # now a little above, now below
    for heard, sent in zip(frames(noise), frames(persona), strict=False):
        canceller.push(heard, sent)
    assert 25 <= looks <= 100  # of 500 frames: one in ten, and those of the beginning
