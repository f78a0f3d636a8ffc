"""The sound of a reply, kept for whom no audio reaches while it is spoken."""

import numpy as np
import pytest

from pipeline.conversation.events import ReplyAudio, ReplyCleared, SessionEvent
from pipeline.practice.answer_sound import LONGEST_S, AnswerSound


def audio(turn: int, at_ms: int, value: int, duration_ms: int = 100) -> ReplyAudio:
    return ReplyAudio(turn, at_ms // 100, at_ms, duration_ms, "", np.full(duration_ms, value, np.int16))


@pytest.mark.parametrize(
    ("story", "events", "wanted"),
    [
        ("nothing was said", [], []),
        ("a reply", [audio(1, 0, 5), audio(1, 100, 6)], [5] * 100 + [6] * 100),
        ("the latest one", [audio(0, 0, 5), audio(0, 100, 5), audio(1, 0, 7)], [7] * 100),
        ("what is sent again counts once", [audio(1, 0, 5), audio(1, 100, 6), audio(1, 0, 5)], [5] * 100),
        ("an interrupted one", [audio(1, 0, 5), audio(1, 100, 6), ReplyCleared(1, 130, "")], [5] * 100 + [6] * 30),
        ("another's interruption", [audio(2, 0, 5), ReplyCleared(1, 0, "")], [5] * 100),
    ],
)
def test_what_is_kept(story: str, events: list[SessionEvent], wanted: list[int]) -> None:
    sound = AnswerSound(1_000)
    for event in events:
        sound.hear(event)
    assert sound.samples.tolist() == wanted, story


def test_an_endless_reply_is_kept_to_a_limit() -> None:
    sound = AnswerSound(1_000)
    for place in range(LONGEST_S * 10 + 50):
        sound.hear(audio(1, place * 100, 1))
    assert len(sound.samples) == LONGEST_S * 1_000
