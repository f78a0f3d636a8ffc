"""Real weights on people who speak Spanish, French and Italian."""

from pathlib import Path

import numpy as np
import pytest

from tests.hearing import say
from tests.neural import in_languages, people
from voice.audio.resample import resample
from voice.stt.call_language import CallLanguage
from voice.stt.whisper.engine import FasterWhisper
from voice.tts.base import VoiceStyle
from voice.tts.catalog import choose_synthesizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def any_language(neural_models: Path) -> FasterWhisper:
    return FasterWhisper(
        neural_models / "whisper" / "base", language=None, device="cpu", compute_type="int8", cpu_threads=1
    )


def test_each_prompt_is_heard_in_its_language_and_none_settles_another(any_language: FasterWhisper) -> None:
    for language, audio in in_languages():
        call = CallLanguage(any_language, language)
        assert call.transcribe(audio).language == language
        assert call.settled in ("", language)


def test_one_word_settles_no_language(any_language: FasterWhisper) -> None:
    words = [spoken for spoken in people("words") if spoken.text in ("hello", "goodbye", "one", "friday", "may")]
    assert words
    for spoken in words:
        call = CallLanguage(any_language, "en")
        assert call.transcribe(spoken.audio).language == "en"
        assert call.settled == ""


def test_a_caller_of_an_english_persona_who_keeps_to_french_is_heard_in_french(any_language: FasterWhisper) -> None:
    english = np.concatenate([spoken.audio for spoken in people("prompts")[:2]])
    french = np.concatenate([audio for language, audio in in_languages() if language == "fr"])
    call = CallLanguage(any_language, "en")
    assert [call.transcribe(audio).language for audio in (english, french, french)] == ["en", "en", "fr"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "Buenos d\u00edas, su pedido llega el jueves por la tarde a la oficina."),
        ("fr", "Bonjour monsieur, votre commande arrive jeudi matin au bureau."),
        ("it", "Buongiorno signora, il suo ordine arriva gioved\u00ec mattina in ufficio."),
    ],
)
def test_a_persona_of_another_language_is_heard_in_it(
    any_language: FasterWhisper, neural_models: Path, language: str, text: str
) -> None:
    # The only Piper voice is an English one.
    synthesizer = choose_synthesizer("auto", models_dir=neural_models)
    said = say(synthesizer, text, VoiceStyle(names={"piper": "en_US-joe-medium"}, language=language))
    audio = np.pad(resample(said.audio, said.rate_hz, 16_000).astype(np.float32) / 32768, 4_800)
    assert any_language.transcribe_in(None, audio, "", lambda: False).language == language
