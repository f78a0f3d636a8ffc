"""Which conversation the demo holds."""

import pytest

from api.cli.demo import DANA, INTERRUPTED, MARCUS, Scene, scene_for
from api.client.recordings import learner_recording


@pytest.mark.parametrize(
    ("voices", "scene"),
    [
        ([], DANA),
        (["en_US-joe-medium"], MARCUS),
        (["en_US-lessac-medium", "en_US-joe-medium"], DANA),
        (["en_US-lessac-medium", "en_US-ryan-medium"], MARCUS),
        (["en_US-joe-medium", "en_US-amy-medium"], DANA),
    ],
    ids=["eSpeak", "a man's voice", "a woman's by default", "his own voice is there", "hers is there"],
)
def test_the_persona_fits_the_voice(voices: list[str], scene: Scene) -> None:
    assert scene_for(voices) == scene


@pytest.mark.parametrize("scene", [DANA, MARCUS], ids=["Dana", "Marcus"])
def test_every_scene_can_be_played_and_interrupted(scene: Scene) -> None:
    assert len(scene.script) > INTERRUPTED + 1
    for number in {number for turn in scene.script for number in turn}:
        assert len(learner_recording(scene.folder, number).samples) > 0
