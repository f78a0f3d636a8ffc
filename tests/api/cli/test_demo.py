"""Which conversation the demo holds."""

import pytest

from api.cli.demo import DANA, INTERRUPTED, MARCUS, Scene, check, scene_for, steps_down
from api.client.call import ClientError, Event
from api.client.http import StoredMessage
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


def test_a_machine_that_carries_them_keeps_its_engines() -> None:
    assert steps_down({}, {}) == ({}, [])
    assert steps_down({"stt": 0.4, "tts": 0.5}, {}) == ({}, [])


def test_a_slow_machine_takes_cheaper_engines_and_says_so() -> None:
    taken, sentences = steps_down({"stt": 1.34, "tts": 0.2}, {"tts": None})
    assert taken == {"stt": "pocketsphinx"}
    assert "Whisper takes 1.3 s here for a second of speech" in sentences[0]
    assert set(steps_down({"stt": 2.0, "tts": 2.0}, {})[0].values()) == {"pocketsphinx", "espeak"}


def test_an_engine_that_was_asked_for_stays() -> None:
    assert steps_down({"stt": 2.0, "tts": 2.0}, {"stt": "whisper:base", "tts": "piper"}) == ({}, [])


def told(number: int, *, interrupted: bool = False) -> Event:
    heard = "Good morn" if interrupted else "Good morning."
    fields = {"message_id": f"m{number}", "text": "Good morning.", "heard": heard, "interrupted": interrupted}
    return Event("reply.ended", float(number), fields)


def stored(number: int, text: str) -> StoredMessage:
    return StoredMessage(f"m{number}", is_persona=True, text=text)


def test_a_conversation_as_it_should_be_has_no_causes() -> None:
    log = [told(0), told(1, interrupted=True), told(2), told(3)]
    assert check(log, [stored(1, "Good morn")], DANA) == (stored(1, "Good morn"), [])


def test_a_conversation_that_was_cut_short_is_told_with_its_cause() -> None:
    cut, causes = check([told(0)], [stored(0, "Good morning.")], DANA, "The service sent no reply.ended within 60 s.")
    assert cut is None
    assert causes == ["Only 1 of 4 turns were answered. The service sent no reply.ended within 60 s."]


def test_a_persona_that_was_quicker_than_the_interruption_is_told() -> None:
    log = [told(number) for number in range(4)]
    cut, (cause,) = check(log, [stored(0, "Good morning.")], DANA)
    assert cut is None
    assert "was not interrupted" in cause


def test_no_conversation_at_all_is_a_failure() -> None:
    with pytest.raises(ClientError, match=r"Nothing was answered\. The call has ended"):
        check([], [], DANA, "The call has ended.")


def test_a_history_that_is_wrong_is_a_failure_on_any_machine() -> None:
    with pytest.raises(ClientError, match="please report this"):
        check([told(0, interrupted=True)], [stored(0, "Good morning.")], DANA)


def test_a_service_that_is_gone_leaves_what_was_heard() -> None:
    cut, causes = check([told(0), told(1, interrupted=True)], None, DANA, "The connection is gone.")
    assert cut is None
    assert causes == ["Only 2 of 4 turns were answered. The connection is gone."]
