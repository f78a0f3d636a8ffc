"""Lessons on disk: read at the start, and again when they have changed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from models.errors import InvalidPack
from models.packs.lesson_loader import LESSONS
from pipeline.tutoring.installed_lessons import InstalledLessons, RereadLessons
from pipeline.tutoring.turns import student_turn
from pipeline.tutoring.tutor import Tutor
from tests.stores import empty_store

WRITTEN = (LESSONS / "binary-search.yaml").read_text("utf-8")
BOOK, SHELF = "To find a name in a telephone book", "To find a book on a shelf"


Answers = Callable[[str], Awaitable[str]]
"""What the tutor says to an answer of the student in a session."""


def on_disk(folder: Path, story: Callable[[InstalledLessons, Answers], Awaitable[None]]) -> None:
    """A tutor with the lessons of a folder, and a session on one of them."""

    async def run() -> None:
        async with empty_store() as store:
            tutor = Tutor(store, ())
            lessons = InstalledLessons(tutor, [folder, folder / "none"])
            await lessons.install()
            user = await store.create_user("ada")
            await tutor.node(user.id, "abc123")
            session = await store.add_external_chat(user.id, "tutor", subject_id="abc123")

            async def told(content: str) -> str:
                return (await tutor.answer(user.id, session.id, student_turn(content))).message

            await story(lessons, told)

    asyncio.run(run())


def test_a_session_goes_on_with_the_lesson_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "halving.yaml"
    file.write_text(WRITTEN)

    async def story(lessons: InstalledLessons, told: Answers) -> None:
        assert BOOK in await told("")
        assert await lessons.reread() == RereadLessons(), "nothing has changed"

        file.write_text(WRITTEN.replace(BOOK, SHELF).replace("Keep two marks", "Keep two fingers"))
        assert [lesson.slug for lesson in (await lessons.reread()).changed] == ["binary-search"]
        assert "Keep two fingers" in await told("[ANSWER] It must be sorted."), "the part that comes next"

        file.write_text("lesson: binary-search\n")
        broken = await lessons.reread()
        assert broken.changed == ()
        assert any(problem.startswith(f"{tmp_path.name}/halving.yaml:1: ") for problem in broken.problems)
        assert "fingers" not in await told("[ANSWER] The low mark moves past the middle."), "the lesson goes on"

        file.unlink()
        assert await lessons.reread() == RereadLessons()
        assert "So low goes up, past it." in await told("[ANSWER] high = mid - 1"), (
            "and is there though its file is gone"
        )

    on_disk(tmp_path, story)


def test_an_exercise_that_is_gone_is_the_question_again(tmp_path: Path) -> None:
    file = tmp_path / "halving.yaml"
    file.write_text(WRITTEN)

    async def story(lessons: InstalledLessons, told: Answers) -> None:
        await told("")
        await told("[ANSWER] It must be short.")
        assert "Which of these two lists" in await told("[ANSWER] It must be small.")
        start = WRITTEN.index("    exercises:")
        end = WRITTEN.index("  - id: halve")
        file.write_text(WRITTEN[:start] + WRITTEN[end:])
        assert len((await lessons.reread()).changed) == 1
        assert "Keep two marks" in await told("[ANSWER] It must be sorted.")

    on_disk(tmp_path, story)


def test_a_folder_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "halving.yaml").write_text("lesson: Not A Slug\n")

    async def story(_lessons: InstalledLessons, _told: Answers) -> None:
        raise AssertionError("it began")

    with pytest.raises(InvalidPack, match="lower-case letters"):
        on_disk(tmp_path, story)
