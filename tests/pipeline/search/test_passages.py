"""Paragraphs of documents, with the headings that they stand under."""

import pytest

from pipeline.search.passages import PARAGRAPH_CHARS, PASSAGE_CHARS, paragraphs_of

GUIDE = """# The guide

Short.

First paragraph of the guide, long enough to stand alone as one.

## Rooms

**What is not there.** A sauna. It was too warm.

Bring with you:

- a towel
- shoes

### Upstairs
A line right below its heading, which is a paragraph of its own.
"""


def test_each_paragraph_keeps_its_headings_and_its_place() -> None:
    found = paragraphs_of(GUIDE, "The guide")
    assert [(item.heading, item.text.split("\n")[0]) for item in found] == [
        ("", "Short."),
        ("Rooms", "**What is not there.** A sauna. It was too warm."),
        ("Rooms", "Bring with you:"),
        ("Rooms / Upstairs", "A line right below its heading, which is a paragraph of its own."),
    ]
    assert all(GUIDE[item.start : item.end] == item.text for item in found)
    assert found[0].text.endswith("as one."), "a short paragraph is joined to the next"
    assert found[2].text.endswith("- shoes"), "a list to the line before it"
    assert {"not", "room"} <= found[1].heading_stems
    assert [item.passage for item in found] == [0, 1, 1, 2], "neighbours under one heading are one passage"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        (" \n\t\n", 0),
        ("---\n\n***", 0),
        ("# Only a heading", 0),
        ("One.", 1),
        ("One.\n\n## Two", 1),
        ("Name\n\nOne.", 1),
        ("Name", 1),
        ("These:\n\nThese:\n\n- one", 1),
        ("word " * 400, 4),
        ("x" * 1300, 3),
        ("# " * 2000, 0),
    ],
)
def test_odd_texts(text: str, count: int) -> None:
    found = paragraphs_of(text)
    assert len(found) == count
    assert all(text[item.start : item.end] == item.text and len(item.text) <= PARAGRAPH_CHARS for item in found)


def test_a_megabyte_is_cut_in_bounds() -> None:
    text = ("A sentence about nothing in particular. " * 20 + "\n\n") * 1250
    found = paragraphs_of(text[:1_000_000])
    ends: dict[int, tuple[int, int]] = {}
    for item in found:
        ends[item.passage] = (ends.get(item.passage, (item.start, 0))[0], item.end)
    assert len(found) > 1500
    assert max(end - start for start, end in ends.values()) <= PASSAGE_CHARS
