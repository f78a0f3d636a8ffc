"""The real faster-whisper on a small test model."""

import shutil
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from api.bench.random_whisper import make_random_whisper
from tests.voice.corpus import corpus, errors_of
from tests.voice.sound import noise, recording, tone
from voice.errors import Cancelled, EngineUnavailable, InvalidAudio
from voice.stt.base import StreamingTranscriber, Transcriber
from voice.stt.samples import as_float32
from voice.stt.whisper.engine import FasterWhisper, token_cap
from voice.stt.whisper.short_window import FULL_WINDOW, ShortWindow
from voice.stt.whisper.speech_presence import holds_speech
from voice.test_models import WHISPER_NANO as NANO


@pytest.fixture(scope="module")
def whisper() -> FasterWhisper:
    engine = FasterWhisper(NANO, cpu_threads=1)
    engine.warm()
    return engine


def test_it_is_a_transcriber_that_does_not_stream(whisper: FasterWhisper) -> None:
    assert isinstance(whisper, Transcriber)
    assert not isinstance(whisper, StreamingTranscriber)
    assert whisper.name == "whisper:whisper-nano"


def test_words_it_knows_are_heard(whisper: FasterWhisper) -> None:
    transcript = whisper.transcribe(as_float32(recording("slt/clinic/02")))
    assert transcript.text == "how are you feeling this morning"
    assert transcript.language == "en"
    assert transcript.confidence is not None
    assert 0.5 < transcript.confidence <= 1


def test_lines_come_out_whole_and_mostly_right(whisper: FasterWhisper) -> None:
    lines = [line for line in corpus() if line.voice == "slt" and line.folder == "repair-desk"]
    errors = errors_of(lambda audio: whisper.transcribe(as_float32(audio)).text, lines)
    assert errors.rate < 0.35  # the test model's own limit: it knows 620 words


def test_a_prompt_is_taken(whisper: FasterWhisper) -> None:
    audio = as_float32(recording("slt/turns/01"))
    assert whisper.transcribe(audio, prompt="records office " * 50).text


@pytest.mark.parametrize("samples", [1, 320, 16_000])
def test_silence_says_nothing(whisper: FasterWhisper, samples: int) -> None:
    assert whisper.transcribe(np.zeros(samples, np.float32)).text == ""


def test_one_loud_sample_does_no_harm(whisper: FasterWhisper) -> None:
    assert len(whisper.transcribe(np.ones(1, np.float32)).text) < 60


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(whisper: FasterWhisper, wrong: float) -> None:
    audio = np.zeros(16_000, np.float32)
    audio[77] = wrong
    with pytest.raises(InvalidAudio, match="finite"):
        whisper.transcribe(audio)


def test_samples_louder_than_any_are_clipped(whisper: FasterWhisper) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's, of numbers that overflow
        whisper.transcribe(np.full(16_000, 1e30, np.float32))


def test_a_cancelled_transcript_is_not_begun(whisper: FasterWhisper) -> None:
    with pytest.raises(Cancelled):
        whisper.transcribe(as_float32(recording("slt/turns/01")), cancelled=lambda: True)


@pytest.mark.parametrize(
    ("seconds", "vocabulary", "cap"), [(0.1, 51_865, 9), (3, 51_865, 32), (30, 51_865, 200), (3, 1000, 68)]
)
def test_the_cap_follows_the_duration(seconds: float, vocabulary: int, cap: int) -> None:
    assert token_cap(int(seconds * 16_000), vocabulary) == cap


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose text never ends: random weights write as many tokens as they may."""
    return make_random_whisper(tmp_path_factory.mktemp("endless"), "least.en")


@pytest.mark.slow
@pytest.mark.parametrize("window", ["short", "full"])
def test_thirty_seconds_with_the_longest_prompt_are_decoded(endless: Path, window: Literal["short", "full"]) -> None:
    """A prompt of signs takes more tokens than one of words."""
    engine = FasterWhisper(endless, window=window)
    engine.transcribe(as_float32(noise(30 * 16_000, level_db=-20)), prompt="☃" * 300)


NO_SPEECH = {
    "noise": noise(48_000, level_db=-20),
    "loud noise": noise(48_000, level_db=-6),
    "long noise": noise(30 * 16_000, level_db=-20),
    "a tone": tone(3),
    "a hum": tone(3, hz=50),
}


@pytest.fixture(scope="module", params=["short", "full"])
def windowed(request: pytest.FixtureRequest) -> FasterWhisper:
    return FasterWhisper(NANO, cpu_threads=1, window=request.param)


@pytest.mark.parametrize("name", NO_SPEECH)
def test_words_with_no_speech_behind_them_are_refused(windowed: FasterWhisper, name: str) -> None:
    """The test model writes words for each of these."""
    assert windowed.transcribe(as_float32(NO_SPEECH[name])).text == ""


@pytest.mark.parametrize("level_db", [0, -40])
def test_speech_is_not_refused_however_quiet(whisper: FasterWhisper, level_db: float) -> None:
    quiet = as_float32(recording("rms/turns/02")) * np.float32(10 ** (level_db / 20))
    assert holds_speech(quiet)
    assert whisper.transcribe(quiet).text


def test_noise_is_not_decoded_at_the_full_window(whisper: FasterWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[int] = []
    at = ShortWindow._at
    monkeypatch.setattr(ShortWindow, "_at", lambda self, some, window: windows.append(window) or at(self, some, window))
    whisper.transcribe(as_float32(NO_SPEECH["noise"]))
    assert windows
    assert FULL_WINDOW not in windows


@pytest.mark.parametrize("missing", ["model.bin", "config.json", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_is_named_at_once(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(NANO, folder)
    (folder / missing).unlink()
    with pytest.raises(EngineUnavailable, match=f"lacks {missing}.*glow models pull"):
        FasterWhisper(folder)


@pytest.mark.parametrize("broken", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_file_cut_short_is_told_of_when_the_model_loads(tmp_path: Path, broken: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(NANO, folder)
    (folder / broken).write_bytes((NANO / broken).read_bytes()[:100])
    engine = FasterWhisper(folder)
    with pytest.raises(EngineUnavailable, match=r"does not load.*glow models pull"):
        engine.warm()


def test_files_of_several_models_are_told_of_when_it_is_warmed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(NANO, folder)
    (folder / "preprocessor_config.json").write_text('{"feature_size": 128}', "utf-8")
    with pytest.raises(EngineUnavailable, match=r"do not belong together.*glow models pull"):
        FasterWhisper(folder).warm()
