"""A loudspeaker in the learner's microphone, over levels and delays; with real voices and a real recogniser, too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.replay import Stage, read_call, replay
from pipeline.replay.run import Replayed
from voice.stt.whisper.engine import FasterWhisper
from voice.tts.piper.engine import PiperSynthesizer

SENTENCES = """
    The law protects the privacy of every student. That is why nobody can tell you more than this over the telephone.
    Is there anything else that I can do for you today? If there is not, then I wish you a pleasant afternoon.
"""

ALONE = """
call: A loudspeaker does not interrupt
settings: {{greet: true, cancel_echo: {cancel}}}
room_db: -65
limit_ms: 60000
echo: {{delay_ms: {delay_ms}, level_db: {level_db}}}
replies:
  - say: >-
      {sentences}
  - say: I see.
learner:
  - wait_ms: 16000
"""

OVER_IT = """
call: The learner speaks over a loudspeaker
settings: {{greet: true}}
room_db: -65
echo: {{delay_ms: {delay_ms}, level_db: -20}}
replies:
  - say: >-
      {sentences}
  - say: I see.
learner:
  - say: slt/records-office/07
    when: {at_ms} ms into the reply
"""


def told(stage: Stage, folder: Path, text: str, **chosen: object) -> Replayed:
    """Replay a call of these words."""
    path = folder / "call.yaml"
    path.write_text(text.format(sentences=" ".join(SENTENCES.split()), **chosen))
    return replay(read_call(path), stage)


def times(replayed: Replayed, what: str) -> list[float]:
    return [entry.at_ms for entry in replayed.timeline if entry.what == what]


def check_alone(replayed: Replayed) -> None:
    (ended,) = (entry for entry in replayed.timeline if entry.what == "reply.ended")
    assert ended.fields["interrupted"] is False
    assert times(replayed, "turn.cut") == []
    assert times(replayed, "user.message") == [], "nothing of hers is the learner's"


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as opened:
        yield opened


@pytest.mark.parametrize(("level_db", "delay_ms"), [(-10, 60), (-20, 250)])
def test_she_finishes_and_nobody_answers(stage: Stage, tmp_path: Path, level_db: int, delay_ms: int) -> None:
    check_alone(told(stage, tmp_path, ALONE, level_db=level_db, delay_ms=delay_ms, cancel="true"))


@pytest.mark.slow
def test_without_a_canceller_she_answers_herself(stage: Stage, tmp_path: Path) -> None:
    replayed = told(stage, tmp_path, ALONE, level_db=-20, delay_ms=150, cancel="false")
    assert times(replayed, "turn.cut")
    assert times(replayed, "user.message")


@pytest.fixture(scope="module")
def real(neural_models: Path, whisper_base: FasterWhisper) -> Iterator[Stage]:
    voice = PiperSynthesizer(neural_models / "piper" / "en_US-joe-medium.onnx", same_each_time=True)
    with Stage(whisper_base, voice) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("delay_ms", [50, 100, 200, 300, 400])
@pytest.mark.parametrize("level_db", [-10, -20, -30])
def test_a_real_voice_finishes_and_nobody_answers(real: Stage, tmp_path: Path, level_db: int, delay_ms: int) -> None:
    check_alone(told(real, tmp_path, ALONE, level_db=level_db, delay_ms=delay_ms, cancel="true"))


@pytest.mark.slow
@pytest.mark.parametrize("at_ms", [800, 1500, 4000])
@pytest.mark.parametrize("delay_ms", [50, 150, 300])
def test_who_speaks_over_a_real_voice_stops_it(real: Stage, tmp_path: Path, delay_ms: int, at_ms: int) -> None:
    replayed = told(real, tmp_path, OVER_IT, delay_ms=delay_ms, at_ms=at_ms)
    (began,) = times(replayed, "learner.says")
    ducked, cleared = times(replayed, "turn.duck")[0], times(replayed, "reply.cleared")[0]
    assert began < ducked < cleared <= began + 500
    (cut,) = times(replayed, "turn.cut")
    assert cut > began
    messages = [str(entry.fields["text"]).lower() for entry in replayed.timeline if entry.what == "user.message"]
    assert len(messages) == 1
    assert "explain that again" in messages[0]
