"""What is said in Spanish, French and Italian, in English: by Whisper itself, and in a process of its own."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.neural import in_languages
from voice.errors import CannotTranslate
from voice.stt.base import Translator
from voice.stt.fixed import FixedTranscriber
from voice.stt.process.process import in_process
from voice.stt.process.several import in_processes
from voice.stt.speech_to_text import SpeechToText
from voice.stt.sphinx.engine import PocketSphinx
from voice.stt.whisper.engine import FasterWhisper
from voice.test_models import WHISPER_NANO
from voice.work.workers import ThreadWorkers

CONFERENCE = in_languages()[0][1]
SPEECH = np.sin(np.arange(16_000) / 20).astype(np.float32) / 2


@pytest.mark.slow
def test_people_are_translated_whatever_language_is_configured(whisper_base: FasterWhisper) -> None:
    said = {text for _, audio in in_languages() if (text := whisper_base.translate(audio).text)}
    assert any("conference" in text for text in said)
    assert any("this number is" in text for text in said)  # unknown, or not known, by the processor's arithmetic
    (language, audio), *_ = in_languages()
    assert language == "es"
    heard = whisper_base.translate(audio)
    assert ("conference is" in heard.text, heard.language) == (True, "en")
    assert whisper_base.translate(np.zeros(16_000, np.float32)).text == ""


@pytest.mark.slow
def test_translations_and_transcripts_share_a_process(neural_models: Path) -> None:
    folder = neural_models / "whisper" / "base"
    make = partial(FasterWhisper, folder, language=None, device="cpu", compute_type="int8", cpu_threads=1)
    engine = in_process(make, make())
    assert isinstance(engine, Translator)
    try:
        assert "conference is" in engine.translate(CONFERENCE).text
        assert "conference is" not in engine.transcribe(CONFERENCE).text
    finally:
        engine.close()


def test_a_model_of_one_language_says_that_it_translates_nothing() -> None:
    with pytest.raises(CannotTranslate, match="glow models pull"):
        FasterWhisper(WHISPER_NANO, cpu_threads=1).translate(SPEECH)
    several = in_processes(PocketSphinx, PocketSphinx(), count=2)
    try:
        with pytest.raises(CannotTranslate, match="pocketsphinx"):
            several.translate(SPEECH)
    finally:
        several.close()
    with pytest.raises(CannotTranslate, match="fixed:0"):
        SpeechToText(FixedTranscriber(0), ThreadWorkers(1)).translating("call")
