"""What was heard: a prefix of what was said, within a word of what was played."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.speaking.ledger import Ledger, Playback
from voice.tts.base import Word

RATE = 1000  # a sample a millisecond keeps the stories readable


def timed(*clauses: tuple[str, int]) -> Ledger:
    """A ledger of clauses whose words take equal time."""
    ledger = Ledger(RATE)
    for text, length in clauses:
        ledger.begin_clause(text)
        words, position = [], 0
        tokens = text.split()
        for index, token in enumerate(tokens):
            at = text.index(token, position)
            position = at + len(token)
            words.append(Word(at, position, length * index // len(tokens), length * (index + 1) // len(tokens)))
        ledger.add_audio(length, tuple(words))
    ledger.complete()
    return ledger


def test_heard_is_cut_at_the_last_word_heard() -> None:
    ledger = timed(("Good morning, ", 400), ("this is Dana.", 600))
    assert ledger.heard(0) == ""
    assert ledger.heard(150) == "Good"
    assert ledger.heard(399) == "Good morning,"
    assert ledger.heard(700) == "Good morning, this is"
    assert ledger.heard(1000) == "Good morning, this is Dana."


def test_half_a_word_counts_as_heard() -> None:
    ledger = timed(("one two", 400))
    assert ledger.heard(99) == ""
    assert ledger.heard(100) == "one"


def test_a_clause_that_cannot_be_said_is_heard_with_its_neighbour() -> None:
    ledger = Ledger(RATE)
    ledger.begin_clause("Well ")
    ledger.add_audio(200, (Word(0, 4, 0, 200),))
    ledger.begin_clause("🙂 ")
    ledger.begin_clause("done.")
    ledger.add_audio(200, (Word(0, 5, 0, 200),))
    ledger.complete()
    assert ledger.heard(200) == "Well 🙂"
    assert ledger.heard(400) == "Well 🙂 done."


def test_without_timings_words_share_the_time_by_their_length() -> None:
    ledger = Ledger(RATE)
    ledger.begin_clause("a longer clause here")
    ledger.add_audio(2000)
    ledger.complete()
    assert ledger.heard(1000) == "a longer"
    assert ledger.heard(2000) == "a longer clause here"


def test_the_texts_of_the_blocks_are_the_text() -> None:
    ledger = timed(("Good morning, ", 400), ("this is Dana, ", 700), ("his mother.", 500))
    cuts = [0, 100, 130, 400, 401, 900, 1500, 1600]
    pieces = [ledger.text_between(start, end) for start, end in pairwise(cuts)]
    assert "".join(pieces) == ledger.text
    assert pieces[0] == "Good "


def test_a_block_tells_no_word_that_is_still_to_come() -> None:
    ledger = Ledger(RATE)
    ledger.begin_clause("Finally, a human being.")
    ledger.add_audio(200, (Word(0, 7, 0, 200),))
    assert ledger.text_between(0, 200) == "Finally, "
    ledger.add_audio(300, (Word(9, 10, 200, 250), Word(11, 16, 250, 500)))
    assert ledger.text_between(200, 500) == "a human "
    ledger.add_audio(200, (Word(17, 22, 500, 700),))
    ledger.complete()
    assert ledger.text_between(500, 700) == "being."


words = st.lists(st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=12).map(" ".join)
clauses = st.lists(st.tuples(words.map(lambda text: text + ", "), st.integers(200, 3000)), min_size=1, max_size=5)


@given(clauses, st.floats(0, 1))
def test_at_every_instant_heard_is_a_prefix_within_a_word_of_what_was_played(
    said: list[tuple[str, int]], part: float
) -> None:
    ledger = timed(*said)
    played = int(ledger.end * part)
    heard = ledger.heard(played)
    assert ledger.text.startswith(heard)
    begun = sum(
        len([index for index in range(len(text.split())) if start + length * index // len(text.split()) < played])
        for (text, length), start in zip(said, _starts(said), strict=True)
    )
    assert begun - 1 <= len(heard.split()) <= begun


@given(clauses, st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_what_was_heard_only_grows(said: list[tuple[str, int]], parts: list[float]) -> None:
    ledger = timed(*said)
    heard = [ledger.heard(int(ledger.end * part)) for part in sorted(parts)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(heard))


def _starts(said: list[tuple[str, int]]) -> list[int]:
    starts, at = [], 0
    for _, length in said:
        starts.append(at)
        at += length
    return starts


def test_without_acknowledgements_playback_is_real_time() -> None:
    playback = Playback(RATE)
    playback.send(300, now=10.0)
    assert playback.position(10.1) == 100
    assert playback.position(11.0) == 300


def test_after_running_dry_playback_goes_on_from_there() -> None:
    playback = Playback(RATE)
    playback.send(100, now=0.0)
    assert playback.position(5.0) == 100
    playback.send(100, now=5.0)
    assert playback.position(5.05) == 150


def test_it_is_known_since_when_there_is_nothing_to_play() -> None:
    playback = Playback(RATE)
    playback.send(100, now=0.0)
    assert [playback.dry_s(now) for now in (0.05, 0.0999)] == [0, 0]
    assert playback.dry_s(0.35) == pytest.approx(0.25)
    assert playback.dry_s(0.6) == pytest.approx(0.5)
    playback.played(40, now=0.6)
    assert playback.dry_s(0.6) == 0, "it has not played all of it yet"
    assert playback.dry_s(0.7) == pytest.approx(0.04)
    playback.send(100, now=0.7)
    assert playback.dry_s(0.75) == 0


def test_an_acknowledgement_is_believed_and_never_more_than_was_sent() -> None:
    playback = Playback(RATE)
    playback.send(300, now=0.0)
    playback.played(120, now=0.2)
    assert playback.position(0.2) == 120
    playback.played(10**9, now=0.21)
    assert playback.position(0.21) == 300
    playback.played(-5, now=0.22)
    assert playback.position(0.22) == 0


def test_what_is_dropped_is_not_played() -> None:
    playback = Playback(RATE)
    playback.send(300, now=0.0)
    assert playback.rewind(now=0.1) == 100
    assert playback.position(9.0) == 100
