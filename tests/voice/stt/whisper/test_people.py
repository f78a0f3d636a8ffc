"""Real weights on real people: what toy models on synthetic voices cannot show."""

from pathlib import Path

import numpy as np
import pytest

from tests.neural import Spoken, names, people
from voice.stt.whisper.engine import FasterWhisper, load_model
from voice.stt.whisper.short_window import Request, ShortWindow
from voice.stt.word_error import WordErrors, normalised_words, word_errors

pytestmark = pytest.mark.slow

VOCABULARY = "Dana Whitfield, The records office, FERPA in one page"
"""Of the practice with which the failing inputs failed."""

FAILING = people("failing")
BEGINS_IN_THE_MIDDLE = {"epoch_of_incredulity": 1}
"""Word errors that the full window makes as well: this recording begins in the middle of its first word."""


@pytest.mark.parametrize("prompt", ["", VOCABULARY], ids=["no vocabulary", "a vocabulary"])
@pytest.mark.parametrize("spoken", FAILING, ids=[spoken.name for spoken in FAILING])
def test_what_short_windows_and_prompts_once_spoiled(whisper_base: FasterWhisper, spoken: Spoken, prompt: str) -> None:
    heard = whisper_base.transcribe(spoken.audio, prompt=prompt).text
    assert word_errors(spoken.text, heard).errors <= BEGINS_IN_THE_MIDDLE.get(spoken.name, 0), heard


def test_of_25_answers_of_one_word_at_most_one_is_wrong(whisper_base: FasterWhisper) -> None:
    heard = {spoken.text: whisper_base.transcribe(spoken.audio, prompt=VOCABULARY).text for spoken in people("words")}
    assert len(heard) == 25
    wrong = {said: text for said, text in heard.items() if normalised_words(text) != normalised_words(said)}
    assert len(wrong) <= 1, wrong


def test_prompts_are_heard_as_well_with_a_vocabulary_as_without(whisper_base: FasterWhisper) -> None:
    for prompt in ("", VOCABULARY):
        errors = WordErrors()
        for spoken in people("prompts"):
            errors += word_errors(spoken.text, whisper_base.transcribe(spoken.audio, prompt=prompt).text)
        assert errors.rate <= 0.05


@pytest.mark.parametrize(("word", "times"), [("seven", 3), ("five", 4), ("goodbye", 2)])
def test_a_word_that_is_said_several_times_stays_so(whisper_base: FasterWhisper, word: str, times: int) -> None:
    said = next(spoken.audio for spoken in people("words") if spoken.text == word)
    pause = np.zeros(16_000 // 4, np.float32)
    heard = whisper_base.transcribe(np.concatenate([pause, *[said, pause] * times])).text
    assert normalised_words(heard) == normalised_words(f"{word} " * times)


def test_the_names_of_a_call_are_heard_with_its_vocabulary(whisper_base: FasterWhisper) -> None:
    alone = told = WordErrors()
    for text, vocabulary, audio in names():
        alone += word_errors(text, whisper_base.transcribe(audio).text)
        told += word_errors(text, whisper_base.transcribe(audio, prompt=vocabulary).text)
    assert alone.errors >= 3
    assert told.errors == 0


def test_names_are_heard_in_a_batch_as_alone(neural_models: Path) -> None:
    model = load_model(neural_models / "whisper" / "base", "cpu", "int8", 1)
    short = ShortWindow(model)
    vocabulary = max((vocabulary for _, vocabulary, _ in names()), key=len)
    requests = [Request(audio, vocabulary, 60, "en", lambda: False) for _, _, audio in names()]
    requests += [Request(spoken.audio, vocabulary, 60, "en", lambda: False) for spoken in people("words")[:4]]
    alone = [short.decode([request])[0] for request in requests]
    assert [one and one.text for one in short.decode(requests)] == [one and one.text for one in alone]
    assert any(one is not None and "Penhallow" in one.text for one in alone)


def test_a_vocabulary_is_not_heard_in_babble(whisper_base: FasterWhisper) -> None:
    """Six people at once, at fixed places: whatever is made of that, no name of the call is in it."""
    places = np.random.default_rng(7)
    voices = [spoken.audio for spoken in people("prompts")]
    for _ in range(4):
        babble = np.zeros(3 * 16_000, np.float32)
        for index in places.permutation(len(voices))[:6]:
            babble += np.resize(np.roll(voices[index], places.integers(16_000)), len(babble)) / 6
        heard = whisper_base.transcribe(babble, prompt=VOCABULARY).text
        assert not {"dana", "whitfield", "ferpa"} & set(normalised_words(heard)), heard
