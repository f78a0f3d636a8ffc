"""Sketches for partials: one decoding, which gives way to a transcript."""

import threading
from dataclasses import replace

import pytest

from tests.voice.sound import recording
from voice.errors import Cancelled
from voice.stt.base import SketchingTranscriber
from voice.stt.samples import as_float32
from voice.stt.whisper.engine import FasterWhisper, load_model
from voice.stt.whisper.short_window import Request, ShortWindow
from voice.test_models import WHISPER_NANO

LINE = as_float32(recording("slt/clinic/02"))
WORDS = "how are you feeling this morning"


@pytest.fixture(scope="module")
def whisper() -> FasterWhisper:
    engine = FasterWhisper(WHISPER_NANO, cpu_threads=1)
    engine.warm()
    return engine


def test_a_sketch_has_the_words(whisper: FasterWhisper) -> None:
    assert isinstance(whisper, SketchingTranscriber)
    assert whisper.sketch(LINE).text == WORDS


def test_a_sketch_that_looks_wrong_is_not_decoded_again() -> None:
    short = ShortWindow(load_model(WHISPER_NANO, "cpu", "int8", 1))
    asked: list[str] = []

    def asked_of(name: str) -> Request:
        return Request(LINE, "", 4, "en", lambda: asked.append(name) is not None)

    (sketch,) = short.decode([replace(asked_of("sketch"), sketch=True)])
    (final,) = short.decode([asked_of("final")])
    assert sketch is not None
    assert final is not None
    assert sketch.looks_wrong
    assert sketch.text == final.text
    assert asked.count("final") > asked.count("sketch")


def test_a_sketch_gives_way_to_a_transcript(whisper: FasterWhisper) -> None:
    asked, queued, words = 0, threading.Event(), []

    def final_is_wanted() -> bool:
        queued.set()
        return False

    final = threading.Thread(target=lambda: words.append(whisper.transcribe(LINE, cancelled=final_is_wanted).text))

    def sketch_is_not_wanted() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:  # the first time is before it begins; now it is being decoded
            final.start()
            queued.wait(100)
        return False

    with pytest.raises(Cancelled):
        whisper.sketch(LINE, cancelled=sketch_is_not_wanted)
    final.join(100)
    assert words == [WORDS]
