"""What whisper:nano is trained on: text that gives nothing away, sound that stays sound. No torch needed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.voice.corpus import corpus

SCRIPTS = Path(__file__).parents[4] / "scripts" / "whisper_nano"


@pytest.fixture(scope="module")
def speech() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        import speech

        yield speech
    for name in ("speech", "text"):
        sys.modules.pop(name, None)


def test_utterances_are_many_plain_and_never_a_recorded_line(speech: ModuleType) -> None:
    source, again = speech.Sentences(seed=3), speech.Sentences(seed=3)
    said = [source.next() for _ in range(5000)]
    assert said[:100] == [again.next() for _ in range(100)]
    assert len(set(said)) > 4000
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyz ") and len(text.split()) <= 14 for text in said)
    recorded = {line.text for line in corpus() if " " in line.text}
    assert recorded.isdisjoint(said)
    vocabulary = set(sys.modules["text"].WORDS)
    assert {word for line in corpus() for word in line.text.split()} <= vocabulary


def test_speech_is_kept_in_shards_and_roughened_within_bounds(speech: ModuleType, tmp_path: Path) -> None:
    speakers = speech.Speakers(seed=1)
    spoken = [(text, speakers.say(text)) for text in ("yes", "where is the station", "call me tomorrow")]
    speech.write_shard(tmp_path / "shard-0001.npz", spoken)
    kept = speech.read_shard(tmp_path / "shard-0001.npz")
    assert [text for text, _ in kept] == [text for text, _ in spoken]
    assert all(np.array_equal(here, there) for (_, here), (_, there) in zip(kept, spoken, strict=True))
    pick = np.random.default_rng(1)
    for _, audio in kept * 10:
        rough = speech.roughened(audio, pick)
        assert np.isfinite(rough).all()
        assert np.abs(rough).max() <= 1
        assert 0.9 * len(audio) < len(rough) < 1.1 * len(audio) + speech.RATE_HZ
