"""The end-of-turn model's interface: features as Whisper makes them, a real graph, and what is said where it fails."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from tests.end_of_turn_models import energy_model, no_probability
from tests.voice.sound import recording, tone
from voice.errors import EngineUnavailable
from voice.speech.end_of_turn_model import SAMPLES, EndOfTurnDetector, EndOfTurnModel, log_mel
from voice.work.workers import ThreadWorkers

LINE = recording("slt/records-office/03")


def whisper_features(audio: np.ndarray) -> np.ndarray:
    """The same by the extractor of faster-whisper, on the waveform that Smart Turn wants."""
    wave = audio[-SAMPLES:].astype(np.float32) / 32768
    wave = np.pad(wave, (SAMPLES - len(wave), 0))
    wave = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
    return np.asarray(FeatureExtractor(chunk_length=8)(wave, padding=0))


@pytest.mark.parametrize(
    "audio", [LINE, np.tile(LINE, 4), tone(2.0), LINE[:100]], ids=["short", "long", "tone", "tiny"]
)
def test_features_are_whispers(audio: np.ndarray) -> None:
    features = log_mel(audio)
    assert features.shape == (80, 800)
    assert features.dtype == np.float32
    assert np.abs(features - whisper_features(audio)).max() < 2e-3


def test_only_the_last_eight_seconds_count() -> None:
    long = np.concatenate([tone(5.0), np.tile(LINE, 4)])
    assert np.array_equal(log_mel(long), log_mel(long[-SAMPLES:]))


def test_silence_and_nothing_have_features() -> None:
    for audio in (np.zeros(0, np.int16), np.zeros(16_000, np.int16)):
        assert np.isfinite(log_mel(audio)).all()


def test_both_verdicts_come_from_the_sound(tmp_path: Path) -> None:
    full, sparse = np.tile(LINE, 4), LINE[:8000]
    threshold = float(log_mel(full).mean() + log_mel(sparse).mean()) / 2
    model = EndOfTurnModel(energy_model(tmp_path / "turn.onnx", threshold=threshold))
    assert model.name == "turn"
    assert model.probability(sparse) > 0.9
    assert model.probability(full) < 0.1


def test_it_runs_on_shared_workers(tmp_path: Path) -> None:
    model = EndOfTurnModel(energy_model(tmp_path / "turn.onnx", threshold=0.0))

    async def main() -> list[float | None]:
        workers = ThreadWorkers(2)
        try:
            detector = EndOfTurnDetector(model, workers)
            return await asyncio.gather(*(detector.by_model(LINE, f"call {number}") for number in range(6)))
        finally:
            await workers.close()

    assert asyncio.run(main()) == [model.probability(LINE)] * 6


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="GLOW_END_OF_TURN_MODEL"):
        EndOfTurnModel(tmp_path / "nowhere.onnx")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(EngineUnavailable, match="not a Smart Turn v3 model"):
        EndOfTurnModel(path)


def test_a_model_that_gives_no_probability_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no probability"):
        EndOfTurnModel(no_probability(tmp_path / "identity.onnx"))
