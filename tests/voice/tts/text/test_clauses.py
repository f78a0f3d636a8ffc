"""Where a streamed reply is cut, and that nothing of it is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.tts.text.clauses import HARD_LIMIT, ClauseSplitter


def split(text: str, *, deltas: int = 3) -> list[str]:
    splitter = ClauseSplitter()
    clauses: list[str] = []
    for start in range(0, len(text), deltas):
        clauses += splitter.push(text[start : start + deltas])
    return clauses + splitter.flush()


@pytest.mark.parametrize(
    ("story", "text", "clauses"),
    [
        ("the first comes early", "Of course, we can. It is late.", ["Of course, we can. ", "It is late."]),
        ("at a comma", "I would love to, really, if I can.", ["I would love to, ", "really, if I can."]),
        ("after three words", "So do I, and more.", ["So do I, ", "and more."]),
        ("but not too short", "Oh, no. Not again!", ["Oh, no. Not again!"]),
        (
            "later ones are sentences",
            "Good morning! I see, well. You go on.",
            ["Good morning! ", "I see, well. ", "You go on."],
        ),
        (
            "short sentences stay together",
            "Good morning! Yes. No. Maybe so. Fine.",
            ["Good morning! ", "Yes. No. Maybe so. ", "Fine."],
        ),
        (
            "a title is no end",
            "I am here. Ask Dr. Smith or Mr. J. Doe now.",
            ["I am here. ", "Ask Dr. Smith or Mr. J. Doe now."],
        ),
        (
            "nor is an abbreviation",
            "Bring fruit, e.g. apples. Then etc. and so on.",
            ["Bring fruit, ", "e.g. apples. ", "Then etc. and so on."],
        ),
        ("nor a decimal", "It is exactly 3.14 or 1,000 metres.", ["It is exactly 3.14 or 1,000 metres."]),
        (
            "nor an address",
            "Please see https://a.example/b,c.d?e and go.",
            ["Please see https://a.example/b,c.d?e and go."],
        ),
        ("nor initials", "He was in the U.S. then. She too.", ["He was in the U.S. then. ", "She too."]),
        ("quotes close with it", 'She said "Come in!" And he did.', ['She said "Come in!" ', "And he did."]),
        ("brackets too", "It is late (very late.) Good night.", ["It is late (very late.) ", "Good night."]),
        ("an ellipsis ends", "Let me think... All right.", ["Let me think... ", "All right."]),
        ("so does a line", "Here are three\nOne of them\n", ["Here are three\n", "One of them\n"]),
        (
            "a numeral does not",
            "Here are two:\n1. An apple pie\n2. A pear tart\n",
            ["Here are two:\n", "1. An apple pie\n", "2. A pear tart\n"],
        ),
        (
            "a link stays whole",
            "Look at [this one, it. works](http://a.b) now. Yes.",
            ["Look at [this one, it. works](http://a.b) now. ", "Yes."],
        ),
        ("a dash may end the first", "That is fine — but later.", ["That is fine —", " but later."]),
        ("wide stops need no space", "今天天气很好我们出去走走吧。好的", ["今天天气很好我们出去走走吧。", "好的"]),
        ("nothing", "", []),
    ],
)
def test_cuts(story: str, text: str, clauses: list[str]) -> None:
    assert split(text) == clauses


def test_a_clause_comes_as_soon_as_its_end_is_known() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Is that all right?") == []
    assert splitter.push(" ") == ["Is that all right? "]
    assert splitter.push("Yes, it is all right.") == []
    assert splitter.push(" ") == ["Yes, it is all right. "]
    assert splitter.flush() == []


def test_long_sentences_are_cut_at_a_comma_and_else_at_a_space() -> None:
    commas = split("Good morning to you. " + "this goes on and on and on, " * 20)
    assert all(clause.endswith(", ") and 80 <= len(clause) <= 200 for clause in commas[1:-1])
    spaces = split("Good morning to you. " + "word " * 200)
    assert all(clause.endswith(" ") and 100 <= len(clause) <= 200 for clause in spaces[1:-1])


def test_the_first_clause_does_not_wait_for_punctuation_for_ever() -> None:
    assert len(split("word " * 200)[0]) <= 100


def test_text_without_a_space_is_cut_all_the_same() -> None:
    assert [len(clause) for clause in split("x" * 1000)] == [300, 300, 300, 100]


def test_a_splitter_can_be_used_again() -> None:
    splitter = ClauseSplitter()
    splitter.push("Good morning! And then, well")
    splitter.flush()
    assert splitter.push("So do I, and") == ["So do I, "]


TEXTS = st.text(st.sampled_from("ab. ,;:!?-—…\n\"')([]*Dr1🙂。é"), max_size=700) | st.text(max_size=300)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(TEXTS, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_nothing_is_lost_and_deltas_do_not_matter(text: str, sizes: list[int]) -> None:
    splitter, clauses, at = ClauseSplitter(), [], 0
    for number in range(len(text)):
        if at >= len(text):
            break
        size = sizes[number % len(sizes)]
        clauses += splitter.push(text[at : at + size])
        at += size
    clauses += splitter.flush()
    assert "".join(clauses) == text
    assert all(0 < len(clause) <= HARD_LIMIT for clause in clauses)
    assert clauses == split(text, deltas=1000)
