"""Real weights on people who speak Spanish, French and Italian."""

from pathlib import Path

import numpy as np
import pytest

from tests.neural import in_languages, people
from voice.stt.call_language import CallLanguage
from voice.stt.whisper.engine import FasterWhisper

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
