"""Decoded in slices, so that it can be cancelled between them, an utterance keeps all its words."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel

from api.bench.random_whisper import make_random_whisper
from tests.voice.sound import recording
from voice.stt.samples import as_float32
from voice.stt.whisper.engine import load_model
from voice.stt.whisper.short_window import SLICE, Decoded, Request, ShortWindow, zeros_of
from voice.test_models import WHISPER_NANO
from voice.work.cancellation import never_cancelled

LONG = "slt/records-office/03"
"""More than 24 tokens."""


def asked(name: str, most_tokens: int, prompt: str = "") -> Request:
    return Request(as_float32(recording(name)), prompt, most_tokens, "en", lambda: False)


@pytest.fixture(scope="module")
def nano() -> WhisperModel:
    return load_model(WHISPER_NANO, "cpu", "float32", 1)


@pytest.fixture(scope="module", params=["slt/records-office/07", "slt/turns/12", "rms/records-office/07", LONG])
def whole(nano: WhisperModel, request: pytest.FixtureRequest) -> tuple[str, Decoded]:
    """A recording and its text, decoded in one slice."""
    (decoded,) = ShortWindow(nano, tokens_a_slice=200).at_window([asked(request.param, 200)])
    assert decoded is not None
    return request.param, decoded


@pytest.mark.parametrize("size", [3, 7, 24])
def test_the_words_are_those_of_one_slice(nano: WhisperModel, whole: tuple[str, Decoded], size: int) -> None:
    name, in_one = whole
    (sliced,) = ShortWindow(nano, tokens_a_slice=size).at_window([asked(name, 200)])
    assert sliced is not None
    assert sliced.text == in_one.text
    assert len(in_one.text.split()) >= 6
    assert sliced.log_probability == pytest.approx(in_one.log_probability, abs=0.1)
    assert sliced.capped == in_one.capped


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose text never ends: random weights write as many tokens as they may."""
    return make_random_whisper(tmp_path_factory.mktemp("endless"), "least.en")


@pytest.mark.parametrize("prompt", ["", " ".join(["w" * 60] * 3)], ids=["no prompt", "a long prompt"])
def test_text_that_never_ends_goes_on_to_its_cap(endless: Path, prompt: str) -> None:
    model = load_model(endless, "cpu", "int8", 1)
    decoded = ShortWindow(model).one_look(asked("slt/turns/13", 3 * SLICE, prompt))
    assert decoded is not None
    assert decoded.capped


@pytest.mark.parametrize("prompt", ["", "Dana Whitfield, Tyler"], ids=["no prompt", "a prompt"])
def test_a_decoder_of_few_places_goes_on_to_the_last_of_them(endless: Path, tmp_path: Path, prompt: str) -> None:
    folder = shutil.copytree(endless, tmp_path / "few places")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"max_target_positions": 60}), "utf-8")
    model = load_model(folder, "cpu", "int8", 1)
    assert model.max_length == 60
    decoded = ShortWindow(model).one_look(asked("slt/turns/13", 200, prompt))
    short = ShortWindow(model).one_look(asked("slt/turns/13", 30, prompt))
    assert decoded is not None
    assert short is not None
    assert decoded.capped
    assert decoded.text.startswith(short.text)
    assert len(decoded.text) > len(short.text)


def test_the_test_model_repeats_itself_no_further_than_it_has_places() -> None:
    """What it makes of these five seconds and zeros is "him him him", and past 96 tokens CTranslate2 breaks."""
    said = np.concatenate([np.zeros(2560, np.int16), recording("slt/records-office/03"), np.zeros(7680, np.int16)])
    audio = as_float32(said + np.random.default_rng(2).integers(-3, 4, len(said), np.int16))
    model = load_model(WHISPER_NANO, "cpu", "int8", 1)
    decoded = ShortWindow(model, margin=256, fill=zeros_of).one_look(Request(audio, "", 200, "en", never_cancelled))
    assert decoded is not None
    assert decoded.looks_wrong
