"""Which voice speaks for which persona: by language first, then by the sort of voice it asks for."""

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.hearing import say
from tests.voices_piper import make_voice
from tests.weights import without_packages
from voice.tts.base import VoiceStyle
from voice.tts.catalog import choose_synthesizer
from voice.tts.espeak.engine import RATE_HZ as ESPEAK_HZ
from voice.tts.espeak.engine import EspeakSynthesizer
from voice.tts.persona_voices import PersonaVoices, language_of

JOE, AMY, ALBA = "en_US-joe-medium", "en_US-amy-medium", "en_GB-alba-medium"
DAVEFX, SIWIS = "es_ES-davefx-medium", "fr_FR-siwis-medium"
PIPER_HZ = 16_000
SPANISH = "Buenos d\u00edas, \u00bfen qu\u00e9 puedo ayudarle?"


def installed(folder: Path, *names: str) -> PersonaVoices:
    """The voices of a machine: one noise under several names, each with the phonemes of its language."""
    for name in names:
        phonemes = {"en": "en-us", "es": "es", "fr": "fr"}[name[:2]]
        make_voice(
            folder / "piper", name, espeak={"voice": phonemes}, audio={"sample_rate": PIPER_HZ, "quality": "medium"}
        )
    synthesizer = choose_synthesizer("auto", models_dir=folder)
    assert isinstance(synthesizer, PersonaVoices)
    return synthesizer


@pytest.fixture(autouse=True)
def no_voices_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")


def chosen(synthesizer: PersonaVoices, language: str, **names: str) -> str:
    choice = synthesizer.choice(VoiceStyle(names=names, language=language))
    return choice.piper.stem if choice.piper else "espeak"


def test_the_language_chooses_the_voice(tmp_path: Path) -> None:
    synthesizer = installed(tmp_path, JOE, DAVEFX, SIWIS)
    assert [chosen(synthesizer, tag) for tag in ("en", "es", "es-MX", "fr-FR", "FR")] == [
        JOE, DAVEFX, DAVEFX, SIWIS, SIWIS,
    ]  # fmt: skip


def test_the_sort_of_voice_chooses_among_those_of_the_language(tmp_path: Path) -> None:
    synthesizer = installed(tmp_path, JOE, AMY, DAVEFX)
    assert chosen(synthesizer, "en", espeak="en-us+f3") == AMY
    assert chosen(synthesizer, "en", espeak="en-us+m3") == JOE
    assert chosen(synthesizer, "en", piper="en_US-ryan-medium") == JOE, "a man's voice, and this one is here"
    assert chosen(synthesizer, "en", piper=AMY, espeak="en-us+m3") == AMY
    assert chosen(synthesizer, "es", espeak="en-us+f3", piper=AMY) == DAVEFX, "a Spanish voice before a woman's"


def test_the_region_chooses_among_equals(tmp_path: Path) -> None:
    synthesizer = installed(tmp_path, AMY, ALBA)
    assert [chosen(synthesizer, tag) for tag in ("en-US", "en-GB")] == [AMY, ALBA]


def test_spanish_is_never_spoken_with_english_phonemes(tmp_path: Path) -> None:
    synthesizer = installed(tmp_path, JOE)
    style = VoiceStyle(names={"piper": JOE, "espeak": "en-us+f3"}, language="es")
    assert chosen(synthesizer, "es", piper=JOE) == "espeak"
    assert say(synthesizer, SPANISH, style).rate_hz == ESPEAK_HZ
    spanish = VoiceStyle(names={"espeak": "es+f3"}, language="es")
    assert np.array_equal(say(synthesizer, SPANISH, style).audio, say(EspeakSynthesizer(), SPANISH, spanish).audio)


def test_the_chosen_voice_is_the_one_that_speaks(tmp_path: Path) -> None:
    make_voice(tmp_path / "piper", DAVEFX, espeak={"voice": "es"}, audio={"sample_rate": 24_000})
    synthesizer = installed(tmp_path, JOE)
    assert say(synthesizer, SPANISH, VoiceStyle(language="es")).rate_hz == 24_000
    assert say(synthesizer, "Hello.", VoiceStyle(names={"piper": DAVEFX})).rate_hz == 24_000, "named, in English"
    assert say(synthesizer, "Hello.", VoiceStyle()).rate_hz == PIPER_HZ


def test_a_voices_language_is_that_of_its_phonemes(tmp_path: Path) -> None:
    renamed = make_voice(tmp_path, "es_ES-joe-medium", espeak={"voice": "en-us"})
    undescribed = make_voice(tmp_path, "de_DE-thorsten-medium", espeak={})
    norwegian = make_voice(tmp_path, "no_NO-talesyntese-medium", espeak={"voice": "nb"})
    assert [language_of(voice) for voice in (renamed, undescribed, norwegian)] == ["en", "de", "no"]


def test_a_language_that_nobody_speaks_is_spoken_by_the_default_voice(tmp_path: Path) -> None:
    assert chosen(installed(tmp_path, JOE), "xx") == JOE


def test_what_a_persona_lacks_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    synthesizer = installed(tmp_path, JOE)
    with caplog.at_level(logging.INFO, "voice"):
        for _ in range(2):
            say(synthesizer, "Hola.", VoiceStyle(language="es"))
            say(synthesizer, "Hello.", VoiceStyle(names={"espeak": "en-us+f3"}))
            say(synthesizer, "Hello.", VoiceStyle(names={"espeak": "en-us+m3"}))
    assert caplog.text.count("No Piper voice here speaks 'es'") == 1
    assert caplog.text.count("A woman's voice is asked for") == 1
    assert len([record for record in caplog.records if record.name == "voice.tts.persona_voices"]) == 2
