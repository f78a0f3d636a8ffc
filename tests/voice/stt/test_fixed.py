"""Engines of a known cost, for load tests: they do what they say and nobody gets them by chance."""

from pathlib import Path

import numpy as np
import pytest

from tests.weights import without_packages
from voice.errors import Cancelled, EngineUnavailable
from voice.stt.choose import choose_transcriber
from voice.stt.fixed import WORDS
from voice.tts.base import VoiceStyle
from voice.tts.catalog import choose_synthesizer


def test_the_recogniser_hears_its_words(tmp_path: Path) -> None:
    fixed = choose_transcriber("fixed:1", models_dir=tmp_path)
    assert fixed.name == "fixed:1"
    assert fixed.transcribe(np.ones(160, np.float32) * 0.1).text == WORDS
    with pytest.raises(Cancelled):
        fixed.transcribe(np.ones(160, np.float32) * 0.1, cancelled=lambda: True)


def test_the_voice_hums_for_as_long_as_the_text_takes(tmp_path: Path) -> None:
    fixed = choose_synthesizer("fixed", models_dir=tmp_path)
    (chunk,) = fixed.synthesize("good morning to you", VoiceStyle(), cancelled=lambda: False)
    assert abs(len(chunk.audio) / chunk.rate_hz - 19 / 15) < 0.01
    assert [("good morning to you")[word.text_start : word.text_end] for word in chunk.words] == [
        "good",
        "morning",
        "to",
        "you",
    ]
    assert list(fixed.synthesize("", VoiceStyle(), cancelled=lambda: False)) == []


@pytest.mark.parametrize("name", ["fixed:soon", "fixed:-1"])
def test_a_cost_that_is_no_number_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="MILLISECONDS"):
        choose_transcriber(name, models_dir=tmp_path)
    with pytest.raises(EngineUnavailable, match="MILLISECONDS"):
        choose_synthesizer(name, models_dir=tmp_path)


def test_auto_never_takes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_packages(monkeypatch, tmp_path / "site-packages")
    assert not choose_transcriber("auto", models_dir=tmp_path).name.startswith("fixed")
    assert not choose_synthesizer("auto", models_dir=tmp_path).name.startswith("fixed")
