"""All there is to read about a chat and an attempt: its sections narrowed, its time, and a draft laid over it."""

import pytest

from pipeline.practice.drafts import DraftChanges
from pipeline.practice.ending import ChatVerdict
from pipeline.practice.overview import COMPLETED, TIME_IS_UP
from pipeline.practice.sections import KINDS, Narrowing, Record
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import LIMIT_S, Place


def name_of(item: Record) -> str:
    return item.name


def test_a_chat_has_every_section_and_says_why_it_is_closed(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, overviews, ada = await place.start(), place.practice.overviews, place.ada.id
        chat = attempt.chats[0]
        seen = await overviews.chat(ada, chat.id)
        assert set(seen.sections) == set(KINDS)
        assert seen.sections["persona"].ids == ("mo",)
        assert [name_of(item) for item, _ in seen.sections["objective"].shown] == ["Ask about the bus."]
        assert seen.closed_because is None
        place.forward(LIMIT_S)
        assert (await overviews.chat(ada, chat.id)).closed_because == TIME_IS_UP
        await place.store.complete_chat(chat.id)
        assert (await overviews.chat(ada, chat.id)).closed_because == COMPLETED

    run(story())


@pytest.mark.parametrize(
    ("kind", "narrowing", "shown"),
    [
        ("persona", Narrowing(), [("mo", True)]),
        ("persona", Narrowing(search="LEE"), []),
        ("persona", Narrowing(search="LEE", selected=False), [("lee", False)]),
        ("persona", Narrowing(selected=False), [("mo", True), ("lee", False)]),
        ("persona", Narrowing(selected=False, suggested=True), [("lee", False)]),
        ("persona", Narrowing(selected=False, limit=1), [("mo", True)]),
        ("persona", Narrowing(limit=0), []),
        ("persona", Narrowing(include=False), []),
        ("document", Narrowing(search="on time"), [("rules", True)]),
        ("scenario", Narrowing(selected=False), [("late", True), ("left", False)]),
        ("option", Narrowing(selected=False), [("o1", True), ("o2", True)]),
    ],
)
def test_a_section_is_narrowed(
    run: Run, place: Place, kind: str, narrowing: Narrowing, shown: list[tuple[str, bool]]
) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        seen = await place.practice.overviews.chat(place.ada.id, chat.id, narrowed={kind: narrowing})
        section = seen.sections[kind]
        assert [(item.id, chosen) for item, chosen in section.shown] == shown
        assert section.ids, "what is selected is always listed"

    run(story())


def test_whether_an_option_is_right_is_told_once_its_question_was_answered(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, overviews = (await place.start()).chats[0], place.practice.overviews
        assert not (await overviews.chat(place.ada.id, chat.id)).sections["option"].revealed
        await place.practice.questions.respond(place.ada.id, chat.id, "q1", ["o2"])
        seen = await overviews.chat(place.ada.id, chat.id)
        assert seen.sections["option"].revealed == {"o1": True, "o2": False}

    run(story())


def test_a_chat_is_shown_as_a_draft_would_make_it(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, ada = (await place.start()).chats[0], place.ada.id
        changes = DraftChanges(texts={"description": "Rain."}, ids={"persona_ids": ["lee"]}, objectives=["Be dry."])
        draft = (await place.practice.drafts.save(ada, changes)).draft
        seen = await place.practice.overviews.chat(ada, chat.id, draft_id=draft.id)
        assert seen.draft == draft
        for kind, name in (("persona", "Lee"), ("description", "Rain."), ("objective", "Be dry.")):
            assert [name_of(item) for item, _ in seen.sections[kind].shown] == [name]
        assert (await place.practice.overviews.chat(ada, chat.id)).sections["persona"].ids == ("mo",)

    run(story())


def test_an_attempt_shows_the_chat_that_it_is_in(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, overviews, ada = await place.start(), place.practice.overviews, place.ada.id
        first, second = attempt.chats
        await place.say(first.id, "Good morning.")
        await place.practice.ending.end_chat(ada, first.id, attempt.id, ChatVerdict())
        seen = await overviews.attempt(ada, attempt.id)
        assert seen.current is not None
        assert (seen.current.id, seen.time.limit_s, seen.time.left_s) == (second.id, LIMIT_S, None)
        assert set(seen.grades) == {first.id}
        assert {note.chat_id for note in seen.notes} == {first.id}
        assert [len(context.messages) for context in seen.contexts] == [1, 0]
        await place.practice.ending.complete(ada, attempt.id)
        over = await overviews.attempt(ada, attempt.id)
        assert (over.current, over.time.limit_s) == (None, None)

    run(story())
