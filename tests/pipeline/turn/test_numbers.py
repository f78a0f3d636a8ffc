"""Dictated numbers, spelled names and lists: one message each; finished turns that end with a number: soon answered."""

import pytest

from tests.pipeline.number_stories import NumberStory, stories, tell

DICTATED = [*stories("tuning/dictated.yaml"), *stories("unseen/dictated.yaml")]
FINISHED = [*stories("tuning/finished.yaml"), *stories("unseen/finished.yaml")]

TRANSCRIPTS_MS = (60, 250, 400)
"""A quick recogniser, the usual one, and a slow one."""

SOON_MS = 700


def test_there_are_enough_of_them() -> None:
    assert len(DICTATED) >= 40
    assert len([*stories("unseen/dictated.yaml"), *stories("held_out/dictated.yaml")]) >= len(DICTATED) / 2
    assert len({story.speaker for story in DICTATED}) == 3
    assert {300, 500, 700, 900} <= {pause for story in DICTATED for pause in story.pauses_ms}
    assert len(FINISHED) >= 40


@pytest.mark.parametrize("transcript_ms", TRANSCRIPTS_MS)
@pytest.mark.parametrize("story", DICTATED, ids=lambda story: story.name)
def test_what_is_dictated_with_pauses_is_one_message(story: NumberStory, transcript_ms: float) -> None:
    outcome = tell(story, transcript_ms)
    assert outcome.cut_off_at == []
    assert outcome.messages == [story.hears[-1]]


@pytest.mark.parametrize("transcript_ms", TRANSCRIPTS_MS)
@pytest.mark.parametrize("story", FINISHED, ids=lambda story: story.name)
def test_a_finished_turn_that_ends_with_a_number_is_answered_soon(story: NumberStory, transcript_ms: float) -> None:
    outcome = tell(story, transcript_ms)
    assert outcome.messages == [story.hears[-1]]
    assert outcome.delay_ms is not None
    assert outcome.delay_ms <= SOON_MS


@pytest.mark.parametrize(
    "name", ["a name said, then spelled", "a date of birth", "a mobile number in groups of three, three and four"]
)
def test_a_dictation_of_known_length_is_answered_soon_too(name: str) -> None:
    (story,) = [story for story in DICTATED if story.name == name]
    delay_ms = tell(story).delay_ms
    assert delay_ms is not None
    assert delay_ms <= SOON_MS


def test_a_number_of_unknown_length_is_waited_for_at_its_own_rhythm() -> None:
    (story,) = [story for story in DICTATED if story.name.startswith("an account number of a length")]
    delay_ms = tell(story).delay_ms
    assert delay_ms is not None
    assert max(story.pauses_ms) < delay_ms <= 1400
