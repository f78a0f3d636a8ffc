"""Lessons in packs: what ships is sound, and every mistake is named with its file and line."""

from pathlib import Path

import pytest

from models.errors import InvalidPack
from models.packs.lesson_loader import LESSONS, load_lessons
from models.records.lessons import LEAST_CHUNKS, MOST_CHUNKS
from pipeline.tutoring.scripted import _matched

CHUNK = """\
  - id: {id}
    title: One
    teach: Teach it.
    hints: [A hint.]
    question:
      ask: What?
      accept:
        - any: ['yes']
      answer: Yes.
"""
HEAD = "lesson: small\ntitle: Small\ndescription: A small one.\nclosing: Over.\nchunks:\n"
FOUR = "".join(CHUNK.format(id=f"c{number}") for number in range(4))


def test_the_lessons_that_ship() -> None:
    lessons = load_lessons()
    assert [lesson.slug for lesson in lessons] == ["binary-search", "worried-caller"]
    for lesson in lessons:
        assert LEAST_CHUNKS <= len(lesson.chunks) <= MOST_CHUNKS
        for chunk in lesson.chunks:
            for question in (chunk.question, *chunk.exercises):
                found, wanted = _matched(question, question.answer)
                assert found == wanted, f"{lesson.slug}/{chunk.id}: its own answer is not accepted"
                assert _matched(question, "I do not know")[0] < wanted
    assert {chunk.question.type for chunk in lessons[0].chunks} == {"text", "code", "draw"}
    assert all(path.suffix == ".yaml" for path in LESSONS.iterdir())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "".join(CHUNK.format(id=f"c{number}") for number in range(3)), "5: a lesson has 4 to 8 chunks"),
        (HEAD + "".join(CHUNK.format(id=f"c{number}") for number in range(9)), "5: a lesson has 4 to 8 chunks"),
        (HEAD + FOUR.replace("id: c1", "id: c0"), "15: duplicate id 'c0' in chunks; line 6 has it already"),
        (HEAD + FOUR.replace("['yes']", "['(']", 1), "13: bad regular expression '('"),
        (HEAD + FOUR.replace("['yes']", "['.*']", 1), "13: '.*' matches anything"),
        (HEAD + FOUR.replace("      ask: What?\n", "", 1), "'ask' is missing"),
        (HEAD + FOUR.replace("    hints: [A hint.]\n", "", 1), "6: 'hints' is missing"),
        (
            HEAD + FOUR.replace("      ask:", "      type: song\n      ask:", 1),
            "11: 'type' is 'song'; choose text",
        ),
        (HEAD + FOUR.replace("    teach:", "    examples: {odd: x}\n    teach:", 1), "8: unknown difficulty 'odd'"),
        (HEAD + FOUR.replace("teach:", "teech:", 1), "8: unknown key 'teech'; did you mean 'teach'?"),
        (HEAD.replace("small\n", "Not A Slug\n", 1) + FOUR, "1: 'lesson' is 'Not A Slug'"),
        ("", "1: the file is empty"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "lesson.yaml").write_text(text)
    with pytest.raises(InvalidPack) as refused:
        load_lessons(tmp_path)
    assert any(problem in line and line.startswith(f"{tmp_path}/lesson.yaml:") for line in refused.value.problems), str(
        refused.value
    )


def test_two_lessons_of_one_name_or_for_one_node(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + FOUR + "nodes: [n]\n")
    (tmp_path / "b.yaml").write_text(HEAD.replace("small", "other", 1) + FOUR + "nodes: [n]\n")
    with pytest.raises(InvalidPack, match="node 'n' has the lesson 'small' already"):
        load_lessons(tmp_path)
    (tmp_path / "b.yaml").write_text(HEAD + FOUR)
    with pytest.raises(InvalidPack, match="another file has the lesson 'small' already"):
        load_lessons(tmp_path)
