"""Which chats may be read, and which may still be spoken in."""

import pytest

from models.errors import Conflict, NotFound
from pipeline.chats.chats import CHAT_ENDED
from pipeline.practice.own_chats import NOT_IN_ATTEMPT, TIME_IS_UP
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import LIMIT_S, Place


def test_a_chats_time_begins_when_it_is_opened_and_ends_it(run: Run, place: Place) -> None:
    async def story() -> None:
        second = (await place.start()).chats[1]
        assert second.started_at is None
        place.forward(LIMIT_S * 2)
        opened = await place.practice.own.open(place.ada.id, second.id)
        assert opened.started_at is not None
        place.forward(LIMIT_S - 1)
        assert await place.practice.own.open(place.ada.id, second.id) == opened, "its time runs from its opening on"
        place.forward(1)
        with pytest.raises(Conflict, match=TIME_IS_UP):
            await place.practice.own.open(place.ada.id, second.id)
        ended = await place.practice.own.find(place.ada.id, second.id)
        assert (ended.completion_message, ended.completed_at is None) == (TIME_IS_UP, False)
        with pytest.raises(Conflict, match=CHAT_ENDED):
            await place.practice.own.open(place.ada.id, second.id)

    run(story())


def test_an_attempt_in_infinite_mode_has_no_limit(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start(infinite_mode=True)).chats[0]
        place.forward(LIMIT_S * 100)
        assert (await place.practice.own.open(place.ada.id, chat.id)).completed_at is None

    run(story())


def test_whose_chat_it_is(run: Run, place: Place) -> None:
    async def story() -> None:
        one, other = await place.start(), await place.start()
        for find in (place.practice.own.find, place.practice.own.open):
            assert (await find(place.ada.id, one.chats[0].id, one.id)).id == one.chats[0].id
            with pytest.raises(NotFound, match="Chat not found"):
                await find(place.bob.id, one.chats[0].id)
            with pytest.raises(NotFound, match=NOT_IN_ATTEMPT):
                await find(place.ada.id, one.chats[0].id, other.id)

    run(story())
