"""Personas of packs: what they say by meaning and off their script, as it is read, kept and refused."""

from pathlib import Path

import pytest

from models.errors import InvalidPack
from models.packs import load_pack
from models.records.core import Steer
from models.tables.content import PersonaRow

HEAD = """\
pack: shop
name: The shop
parameters:
  day: {name: day, values: {monday: Monday}}
personas:
  clerk:
    name: Kim
    instructions: You are Kim. It is {{day}}.
    greeting: Hello on {{season|this fine day}}.
"""
FULL = """\
    cues:
      - id: price
        examples: [What does it cost?, How much is it?]
        unless: 'not\\b'
        before: [gone]
        say: [Nine., "On {{day}}, ten."]
        kind: Eight.
        rude: Twelve.
      - {id: gone, when: 'sold', say: Gone., reacts: true}
    reactions:
      rude: [Now now.]
      question: ["{topic}? I do not know."]
      document: ["The list says: {answer}"]
    steers:
      - {say: Do you buy it?, unless: [price]}
"""


def read(folder: Path, persona: str, head: str = HEAD) -> Path:
    file = folder / "pack.yaml"
    file.write_text(head + persona, encoding="utf-8")
    return file


def test_a_persona_is_read_and_kept_whole(tmp_path: Path) -> None:
    (kim,) = load_pack(read(tmp_path, FULL)).personas
    price, gone = kim.cues
    assert (price.examples, price.unless, price.before) == (
        ("What does it cost?", "How much is it?"), (r"not\b",), ("gone",),
    )  # fmt: skip
    assert (price.kind, price.rude, price.reacts, gone.reacts) == (("Eight.",), ("Twelve.",), False, True)
    assert kim.reactions == {
        "rude": ("Now now.",),
        "question": ("{topic}? I do not know.",),
        "document": ("The list says: {answer}",),
    }
    assert kim.steers == (Steer("Do you buy it?", ("price",)),)
    assert PersonaRow.of(kim).record() == kim


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ("How much is it?", "...", "the example '...' has no words"),
        ("How much is it?", "a" * 201, "an example is longer than 200 characters"),
        ("{id: gone, when: 'sold'", "{id: gone, examples: [how much is it]", "is an example of 'price' already"),
        ("        examples: [What does it cost?, How much is it?]\n", "", "'when' is missing"),
        (r"'not\b'", "'(not'", "bad regular expression '(not'"),
        (r"'not\b'", "'(?=not)'", "bad regular expression '(?=not)'"),
        (r"'not\b'", "'x?'", "'x?' matches anything"),
        ("before: [gone]", "before: [went]", "'before' names the unknown cue 'went'"),
        ("unless: [price]", "unless: [prise]", "'unless' names the unknown cue 'prise'"),
        ("rude: [Now now.]", "rood: [Now now.]", "unknown key 'rood'"),
        ("{topic}?", "{top}?", "unknown placeholder '{top}'"),
        ("{answer}", "{topic}", "unknown placeholder '{topic}'; write {answer}"),
        (": {answer}", ".", "'document' lacks {answer}, where it says what the document does"),
        ("On {{day}}", "On {{date}}", "'{{date}}' is no parameter here (day)"),
    ],
)
def test_what_is_wrong_with_a_persona_is_said(tmp_path: Path, was: str, becomes: str, problem: str) -> None:
    assert was in FULL
    with pytest.raises(InvalidPack) as raised:
        load_pack(read(tmp_path, FULL.replace(was, becomes, 1)))
    assert problem in str(raised.value.problems)


def test_forty_examples_are_enough(tmp_path: Path) -> None:
    many = ", ".join(f"number {n}" for n in range(41))
    with pytest.raises(InvalidPack, match="more than 40 examples"):
        load_pack(read(tmp_path, FULL.replace("What does it cost?, How much is it?", many)))
