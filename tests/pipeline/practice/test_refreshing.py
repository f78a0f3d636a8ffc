"""A refresh: what has changed on disk is read again and told, what is broken stays as it was."""

from pathlib import Path

import pytest

from models.errors import Invalid
from models.packs.lesson_loader import LESSONS
from models.records.core import Grant
from pipeline.call.session import SessionSettings
from pipeline.practice.installed_packs import InstalledPacks
from pipeline.practice.refreshing import OWN_VIEWS, Refreshing
from pipeline.practice.spoken import Asking
from pipeline.tutoring.installed_lessons import InstalledLessons
from pipeline.tutoring.tutor import Tutor
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import Place, opened
from voice.audio.formats import AudioFormat

PACK = """
pack: ferry
name: The ferry
documents:
  plan: {name: The plan, file: plan.md}
personas:
  captain: {name: Captain, instructions: You steer., greeting: Ahoy.}
  cook: {name: Cook, instructions: You cook., greeting: Hungry?}
scenarios:
  trip: {name: A trip, problem_statement: You go by ferry., personas: [captain], documents: [plan]}
simulations:
  trips: {name: Trips, scenarios: [trip]}
practices:
  trips: {name: Trips, simulation: trips}
"""


def test_what_has_changed_is_read_again(run: Run, tmp_path: Path, installed: Path) -> None:
    folder = tmp_path / "packs"
    folder.mkdir()
    (folder / "pack.yaml").write_text(PACK)
    (folder / "plan.md").write_text("At nine.")

    async def story() -> None:
        async with opened(tmp_path, installed, packs=[folder]) as place:
            refresh = place.practice.refreshing.refresh
            await refresh()
            assert (await refresh()).views == OWN_VIEWS, "nothing has changed"
            [practice] = await place.store.find_entries(place.ada.id, "practice", "Trips")
            chat = (await place.practice.attempts.start(place.ada.id, practice_id=practice.id)).chats[0]
            asking = Asking(place.ada.id, Grant(place.ada), SessionSettings)
            call = await place.practice.spoken.open(asking, chat.id, AudioFormat())

            (folder / "plan.md").write_text("At ten o'clock.")
            (folder / "pack.yaml").write_text(PACK.replace("You steer.", "You steer to the east."))
            done = await refresh()
            assert done.views == (*OWN_VIEWS, "persona_mv", "document_mv")
            assert [(one.kind, one.name) for one in done.changed] == [("persona", "Captain"), ("document", "The plan")]
            context = call.session.conversation.context()
            assert (context.persona.instructions, context.documents[0].text) == (
                "You steer to the east.",
                "At ten o'clock.",
            )
            assert "lesson_mv" not in done.views, "there is no tutor"
            (folder / "plan.md").write_text("At eleven.")
            assert (await refresh(["chat_mv", "persona_mv"])).views == ("chat_mv",), "only what is asked about"

            (folder / "pack.yaml").write_text(PACK.replace("instructions: You cook., ", ""))
            broken = await refresh()
            assert (broken.views, broken.changed) == (OWN_VIEWS, ())
            assert broken.problems == ("pack.yaml:8: 'instructions' is missing; add it",)
            assert len(await place.store.find_personas(place.ada.id, "cook")) == 1
            with pytest.raises(Invalid, match="There is no view rocket_mv; the views are chat_mv, "):
                await refresh(["chat_mv", "rocket_mv"])

    run(story())


def test_lessons_are_read_again_too(run: Run, tmp_path: Path, place: Place) -> None:
    file = tmp_path / "lessons" / "halving.yaml"
    file.parent.mkdir()
    text = (LESSONS / "binary-search.yaml").read_text("utf-8")
    file.write_text(text)

    async def story() -> None:
        tutor = Tutor(place.store, ())
        lessons = InstalledLessons(tutor, [file.parent])
        await lessons.install()
        refresh = Refreshing(
            InstalledPacks(place.store, ()), lessons, place.practice.configurations, place.calls
        ).refresh
        assert (await refresh()).views == OWN_VIEWS
        file.write_text(text.replace("title: Binary search", "title: Halving"))
        done = await refresh()
        assert done.views == (*OWN_VIEWS, "lesson_mv")
        assert [(one.kind, one.id, one.name) for one in done.changed] == [("lesson", "binary-search", "Halving")]
        file.write_text(text.replace("    title: Count the looks\n", ""))
        broken = await refresh(["lesson_mv"])
        assert (broken.views, broken.changed) == ((), ())
        assert "'title' is missing" in broken.problems[0]

    run(story())
