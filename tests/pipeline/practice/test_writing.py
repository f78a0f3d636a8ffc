"""Drafts written from instructions: by a stated rule where nobody writes, by whoever answers where somebody does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from models.errors import Conflict, Invalid, NotFound
from pipeline.conversation.reply import ReplyContext
from pipeline.practice.writing import NAME_LIMIT, WantedDraft
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place, opened

SAID = ("A worried parent asks for grades. Keep them private.", "  ")


class Author:
    """Writes the same lines whatever it is asked for, and keeps what that was."""

    name = "author"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """Two lines, in pieces."""
        self.asked.append(context.history[-1].text)
        for delta in ("First ", "line.\n", "Second line."):
            yield delta


async def written(
    place: Place, wanted: WantedDraft, refuses: Exception | None = None
) -> tuple[list[tuple[str, Mapping[str, Any]]], list[Mapping[str, Any]]]:
    """What was told, stage by stage, and what was saved."""
    told: list[tuple[str, Mapping[str, Any]]] = []
    saved: list[Mapping[str, Any]] = []
    over = asyncio.Event()

    async def save(made: Mapping[str, Any]) -> str:
        if refuses is not None:
            raise refuses
        saved.append(made)
        return "draft"

    def tell(stage: str, payload: Mapping[str, Any]) -> None:
        told.append((stage, payload))
        if stage in ("complete", "error"):
            over.set()

    await place.practice.writing.begin(place.ada.id, wanted, tell, save)
    await over.wait()
    return told, saved


def test_by_the_stated_rule(run: Run, place: Place) -> None:
    async def story() -> None:
        kinds = ["names", "descriptions", "objectives", "documents", "rockets"]
        wanted = WantedDraft("chat", kinds, ["Be on time. Always."], save=True, run_id="r", group_id="g")
        told, saved = await written(place, wanted)
        assert [stage for stage, _ in told] == ["started", *["progress"] * 5, "complete"]
        assert all((payload["run_id"], payload["group_id"]) == ("r", "g") for _, payload in told)
        assert [payload["percentage"] for stage, payload in told if stage == "progress"] == [20, 40, 60, 80, 100]
        made = {
            "name": "Be on time.",
            "description": "Be on time. Always.",
            "objectives": ["Be on time.", "Always."],
            "document_ids": ["rules"],
        }
        assert saved == [{"draft_id": None, **made}]
        assert told[-1][1]["resources"] == made
        assert told[-1][1]["draft_id"] == told[-1][1]["artifact_id"] == "draft"

    run(story())


def test_it_is_saved_only_where_that_is_asked_for(run: Run, place: Place) -> None:
    async def story() -> None:
        told, saved = await written(place, WantedDraft("chat", ["names"], SAID))
        assert (saved, told[-1][1]["draft_id"]) == ([], None)
        told, _ = await written(place, WantedDraft("chat", ["names"], save=True), Conflict("Somebody was faster."))
        assert told[-1] == ("error", told[-1][1])
        assert told[-1][1]["message"] == "Somebody was faster."

    run(story())


def test_by_whoever_answers(run: Run, tmp_path: Path, installed: Path) -> None:
    async def story() -> None:
        author = Author()
        async with opened(tmp_path, installed, responder=author) as place:
            told, _ = await written(place, WantedDraft("chat", ["names", "objectives"], SAID))
            assert told[-1][1]["resources"] == {"name": "First line.", "objectives": ["First line.", "Second line."]}
            assert len("First line.") < NAME_LIMIT
            assert all(SAID[0] in request for request in author.asked)

    run(story())


def test_what_cannot_be_written(run: Run, place: Place) -> None:
    async def story() -> None:
        with pytest.raises(Invalid, match="cannot be generated here"):
            await written(place, WantedDraft("rocket", ["names"]))
        with pytest.raises(NotFound, match="Draft not found"):
            await written(place, WantedDraft("chat", ["names"], draft_id="nowhere"))

    run(story())
