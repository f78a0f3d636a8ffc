"""Bad sound cards: an offset, hum and drift change neither where speech begins and ends nor what of it is heard."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.hearing.ear import Ear
from tests.voice.sound import frames_of, noise, recording
from voice.audio.resample import resample
from voice.speech.endpointing import Endpointer, SpeechEvent, SpeechPaused

LINES = ("awb/turns/01", "slt/turns/02")
PROMPTS = sorted((Path(__file__).parents[2] / "audio/human/prompts").glob("*.flac"))
NEAR = 60 * 16  # samples


def place(event: SpeechEvent) -> int:
    return event.last_speech if isinstance(event, SpeechPaused) else event.at


def heard(audio: np.ndarray) -> tuple[list[SpeechEvent], np.ndarray]:
    """What the endpointer says, and what the recogniser gets."""
    ear, endpointer, events, frames = Ear(16_000, cancels_echo=True), Endpointer(), [], []
    for number, frame in enumerate(frames_of(audio), start=1):
        found = ear.hear(frame, number * 0.02, in_utterance=endpointer.speaking)
        events += endpointer.push(found.speech, number * 320)
        frames.append(found.audio)
    return events, np.concatenate(frames)


def sine(hz: float, level: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda seconds: level * np.sin(2 * np.pi * hz * seconds)


@pytest.mark.parametrize(
    "added",
    [
        lambda seconds: np.full(len(seconds), 0.2),
        lambda seconds: np.full(len(seconds), -0.2),
        sine(50, 0.05),
        sine(60, 0.05),
        sine(0.3, 0.2),
        lambda seconds: 0.02 * seconds,
    ],
    ids=["an offset", "an offset below", "50 Hz", "60 Hz", "a slow wave", "a slow rise"],
)
@pytest.mark.parametrize("name", LINES)
def test_a_bad_card_changes_nothing(name: str, added: Callable[[np.ndarray], np.ndarray]) -> None:
    line = np.concatenate([np.zeros(8_000), recording(name) * 0.6, np.zeros(12_800)])
    good = line + noise(len(line), level_db=-66)
    bad = (good + 32_767 * added(np.arange(len(good)) / 16_000)).clip(-32_768, 32_767)
    (events, expected), (found, audio) = heard(good.astype(np.int16)), heard(bad.astype(np.int16))
    assert [type(event) for event in found] == [type(event) for event in events]
    assert all(abs(place(one) - place(other)) <= NEAR for one, other in zip(found, events, strict=True))
    assert np.abs(audio[1_600:].astype(np.int32) - expected[1_600:]).max() < 0.005 * 32_767


def ends(events: list[SpeechEvent]) -> tuple[int, int]:
    return place(events[0]), place(next(event for event in reversed(events) if isinstance(event, SpeechPaused)))


@pytest.mark.parametrize("prompt", PROMPTS, ids=[path.stem for path in PROMPTS])
def test_overtones_of_the_mains_move_no_utterance(prompt: Path) -> None:
    samples, rate_hz = soundfile.read(prompt, dtype="int16")
    line = np.concatenate([np.zeros(16_000), resample(samples, rate_hz, 16_000) * 0.6, np.zeros(12_800)])
    good = line + noise(len(line), level_db=-66)
    expected = ends(heard(good.astype(np.int16))[0])
    for overtones in ({150: 0.005}, {150: 0.01}, {150: 0.03}, {60: 0.03, 180: 0.01, 300: 0.005}, {149.9: 0.01}):
        hum = sum(sine(hz, level)(np.arange(len(good)) / 16_000) for hz, level in overtones.items())
        found = ends(heard((good + 32_767 * hum).clip(-32_768, 32_767).astype(np.int16))[0])
        assert all(abs(one - other) <= NEAR for one, other in zip(found, expected, strict=True)), (overtones, found)
