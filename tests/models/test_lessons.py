"""Lessons in packs: what ships is sound, and every mistake is named with its file and line."""

from pathlib import Path

import pytest

from models.errors import InvalidPack
from models.packs.lesson_loader import LESSONS, load_lessons
from models.records.lessons import LEAST_CHUNKS, MOST_CHUNKS
from pipeline.tutoring.answers import is_right

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
    lessons = load_lessons(judge=is_right)
    assert [lesson.slug for lesson in lessons] == ["binary-search", "worried-caller"]
    for lesson in lessons:
        assert LEAST_CHUNKS <= len(lesson.chunks) <= MOST_CHUNKS
        for chunk in lesson.chunks:
            for question in (chunk.question, *chunk.exercises):
                assert min(len(question.right), len(question.wrong)) >= 3, "examples, which the loader has checked"
                assert not is_right(question, "I do not know")
                assert not is_right(question, question.ask), question.ask
            assert len({*chunk.hints}) >= 3, "help goes on for three levels"
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


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("      right: ['no']\n", "'no' is taken as wrong; change 'accept' or 'reject'"),
        ("      wrong:\n        - yes I do\n", "16: 'yes I do' is taken as right; change 'accept' or 'reject'"),
        ("      reject:\n        - any: ['yes']\n", "its own 'answer' is taken as wrong"),
        ("      reject:\n        - any: ['(']\n", "16: bad regular expression '('"),
        ("      reject:\n        - any: ['(a{1000}){1000}']\n", "16: bad regular expression '(a{1000}){1000}'"),
        ("      reject:\n        - say: No.\n", "16: 'any' is missing"),
    ],
)
def test_questions_are_checked_by_their_own_examples(tmp_path: Path, added: str, problem: str) -> None:
    (tmp_path / "lesson.yaml").write_text(HEAD + CHUNK.format(id="c") + added + FOUR)
    with pytest.raises(InvalidPack) as refused:
        load_lessons(tmp_path, is_right)
    assert any(problem in line for line in refused.value.problems), str(refused.value)


def test_two_lessons_of_one_name_or_for_one_node(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + FOUR + "nodes: [n]\n")
    (tmp_path / "b.yaml").write_text(HEAD.replace("small", "other", 1) + FOUR + "nodes: [n]\n")
    with pytest.raises(InvalidPack, match="node 'n' has the lesson 'small' already"):
        load_lessons(tmp_path)
    (tmp_path / "b.yaml").write_text(HEAD + FOUR)
    with pytest.raises(InvalidPack, match="another file has the lesson 'small' already"):
        load_lessons(tmp_path)
