"""Real Piper, understood by real Whisper."""

from pathlib import Path

import numpy as np
import pytest

from tests.hearing import rms, say
from voice.audio.resample import resample
from voice.stt.whisper.engine import FasterWhisper
from voice.stt.word_error import WordErrors, word_errors
from voice.tts.piper.engine import PiperSynthesizer
from voice.tts.piper.loading import load_voice

pytestmark = pytest.mark.slow

SENTENCES = (
    "Good morning, what seems to be the problem?",
    "I am sorry, but I cannot share his grades without his permission.",
    "Eight months ago, in your own shop, from a young man who called it indestructible.",
    "Can it come on Thursday, or can you lend me something until then?",
    "Thank you for your patience.",
    "Take a deep breath, and tell me when you are ready.",
    "Patience is a strong word for what I did, but I will take it.",
    "Where does he find this form?",
)


@pytest.fixture(scope="module")
def joe(neural_models: Path) -> PiperSynthesizer:
    return PiperSynthesizer(neural_models / "piper" / "en_US-joe-medium.onnx")


def spoken(voice: PiperSynthesizer, text: str) -> "np.ndarray":
    """A sentence at 16 kHz, with a little silence around it."""
    said = say(voice, text)
    return np.pad(resample(said.audio, said.rate_hz, 16_000).astype(np.float32) / 32768, 4_800)


def test_what_it_says_is_understood(joe: PiperSynthesizer, whisper_base: FasterWhisper) -> None:
    errors = WordErrors()
    for text in SENTENCES:
        errors += word_errors(text, whisper_base.transcribe(spoken(joe, text)).text)
    assert errors.rate <= 0.08


def test_it_is_as_loud_as_stock_piper_and_never_clipped(neural_models: Path, joe: PiperSynthesizer) -> None:
    stock = load_voice(neural_models / "piper" / "en_US-joe-medium.onnx")
    sentences = (*SENTENCES, "Yes.", "Room twelve is at the end of the corridor, on the left.")
    normalized = np.concatenate([chunk.audio_int16_array for text in sentences for chunk in stock.synthesize(text)])
    ours = np.concatenate([say(joe, text).audio for text in sentences])
    assert abs(20 * np.log10(rms(ours) / rms(normalized))) <= 1.0
    assert np.max(np.abs(ours.astype(int))) < 32_767


def test_a_voice_without_noise_says_a_text_the_same_each_time(neural_models: Path, joe: PiperSynthesizer) -> None:
    model = neural_models / "piper" / "en_US-joe-medium.onnx"
    first, second = (say(PiperSynthesizer(model, same_each_time=True), SENTENCES[0]).audio for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(say(joe, SENTENCES[0]).audio, say(joe, SENTENCES[0]).audio)
