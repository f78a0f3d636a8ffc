"""The test voice that ships: a real Piper voice that the test recogniser understands."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.hearing import pitch_hz, rms, say
from tests.weights import without_packages
from voice.stt.choose import choose_transcriber
from voice.stt.word_error import WordErrors, word_errors
from voice.test_models import PIPER_NANO
from voice.tts.base import VoiceStyle
from voice.tts.catalog import choose_synthesizer, is_test_voice
from voice.tts.piper.engine import PiperSynthesizer

SENTENCES = (
    "where is the nearest train station",
    "i would like to see the student records",
    "can you say that again please",
    "the doctor will see you on monday morning",
    "how much is the ticket to the city",
    "what is the weather like today",
    "we are open every day from nine to five",
    "i have a question about the homework",
    "my computer does not work",
    "it is going to rain this afternoon",
    "she can play the piano",
    "i want to cancel my order",
)


@pytest.fixture(scope="module")
def nano() -> PiperSynthesizer:
    return PiperSynthesizer(PIPER_NANO)


@pytest.mark.slow
def test_the_test_recogniser_understands_it(nano: PiperSynthesizer, tmp_path: Path) -> None:
    whisper = choose_transcriber("whisper:nano", models_dir=tmp_path)
    errors = WordErrors()
    for text in SENTENCES:
        audio = say(nano, f"{text.capitalize()}.").audio.astype(np.float32) / 32768
        errors += word_errors(text, whisper.transcribe(np.pad(audio, 3200)).text)
    assert errors.rate <= 0.25


def test_it_is_a_test_voice_that_speaks_only_when_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    assert is_test_voice(PIPER_NANO)
    assert choose_synthesizer("auto", models_dir=tmp_path).name == "espeak"
    assert choose_synthesizer("piper:nano", models_dir=tmp_path).name == "piper:nano (a test voice)"


def test_it_is_a_few_megabytes_with_the_inputs_of_every_piper_voice() -> None:
    assert PIPER_NANO.stat().st_size < 4_000_000
    graph = onnx.load(str(PIPER_NANO)).graph
    assert [given.name for given in graph.input] == ["input", "input_lengths", "scales"]
    assert [given.name for given in graph.output] == ["output"]
    assert [node.op_type for node in graph.node].count("Ceil") == 1
    about = json.loads(PIPER_NANO.with_name("nano.onnx.json").read_text(encoding="utf-8"))
    assert about["test_voice"] is True
    assert about["phoneme_type"] == "espeak"


def test_words_are_where_they_sound(nano: PiperSynthesizer) -> None:
    text = "Please wait, the doctor is late."
    speech = say(nano, text)
    assert [text[word.text_start : word.text_end] for word in speech.words] == text.replace(",", "")[:-1].split()
    for word in speech.words:
        assert rms(speech.audio[word.start : word.end]) > 500
    # Between "wait" and "the" the comma is silent.
    assert rms(speech.audio[speech.words[1].end : speech.words[2].start - 160]) < 100


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_a_rate_changes_the_length_and_not_the_pitch(nano: PiperSynthesizer, rate: float) -> None:
    text = "We are open every day from nine to five."
    plain, changed = say(nano, text), say(nano, text, VoiceStyle(rate=rate))
    assert changed.seconds == pytest.approx(plain.seconds / rate, rel=0.12)
    assert pitch_hz(changed.audio, 16_000) == pytest.approx(pitch_hz(plain.audio, 16_000), rel=0.1)


def test_the_same_text_is_the_same_samples(nano: PiperSynthesizer) -> None:
    first = say(nano, "Who can read my records?")
    assert np.array_equal(say(nano, "Who can read my records?").audio, first.audio)


@pytest.mark.parametrize(
    "text",
    ["x", "Zürich, naïve café!", "Ng! Ŋ ʒ θ", "a" * 10_000, "ab" * 5000, "[[h@'loU]] there", "a\0b", "1984", "?!...;:"],
)
def test_any_text_is_bounded_sound(nano: PiperSynthesizer, text: str) -> None:
    assert say(nano, text).seconds < 400
