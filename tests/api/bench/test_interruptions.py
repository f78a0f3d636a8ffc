"""`glow bench interruptions`: a caller's own loudspeaker knows what was heard, and the history must say the same."""

import pytest

from api.bench.interrupter import Interruption, Loudspeaker, words_between
from api.bench.interruptions import interrupted

REPLY = "It's a well-known problem, you see. Listen to me."


def interruption(stored: str, fewest: int, most: int) -> Interruption:
    return Interruption("speech", 1_000, 1_300, 1_300, 5, REPLY, stored, fewest, most)


@pytest.mark.parametrize(
    ("stored", "words_off", "right"),
    [
        ("It's a well-known", 0, True),
        ("It's a well-known problem,", 0, True),
        ("It's a", -1, True),
        ("It's", -2, False),
        ("It's a well-known problem, you", 1, True),
        ("It's a well-known problem, you see.", 2, False),
        ("It's a well-kno", 0, False),
        ("It was a well-known", 0, False),
    ],
)
def test_right_is_a_prefix_of_whole_words_within_one_of_what_was_played(
    stored: str, words_off: int, right: bool
) -> None:
    judged = interruption(stored, 3, 4)
    assert (judged.words_off, judged.right) == (words_off, right)


def announced(at_ms: int, ms: int, text: str) -> dict[str, object]:
    return {"turn": 1, "at_ms": at_ms, "duration_ms": ms, "text": text}


def test_a_loudspeaker_plays_on_from_what_it_has_and_drops_the_rest() -> None:
    speaker = Loudspeaker()
    for number, text in enumerate(["It's a ", "", "well-known ", "problem, "]):
        speaker.take(announced(number * 100, 100, text), 10.0 + number * 0.02)
    assert speaker.position_ms(1, 10.25) == pytest.approx(250)
    had = speaker.clear(10.25)
    assert speaker.position_ms(1, 11.0) == pytest.approx(250)
    assert words_between(had, 1, 10.25, 10.25) == (1, 3), "one was over for sure, three may have begun"
    assert words_between(had, 1, 10.05, 10.35) == (0, 4), "a long line leaves more open"
    speaker.take(announced(250, 100, "problem, "), 12.0)
    assert speaker.position_ms(1, 12.05) == pytest.approx(300), "it goes on from there"


@pytest.mark.slow
def test_the_history_is_what_was_heard_at_random_instants_over_the_websocket() -> None:
    report = interrupted(20, calls=10, seed=2)
    assert report.wrong == []
    assert [each for each in report.found if not each.right] == []
    assert len(report.found) == 20
    assert len({each.how for each in report.found}) > 1
