"""A message with all that follows it: its answer, hints, and what is begun, goes on or is stopped by request."""

import asyncio

import pytest

from models.errors import Conflict, Invalid, NotFound
from pipeline.practice.exchanges import Wanted
from pipeline.practice.messages import NewMessage, answer_of
from pipeline.tasks.background import RUNNING_LIMIT
from tests.pipeline.practice.conftest import Run
from tests.pipeline.practice.place import LIMIT_S, Place

QUESTION = "Why are you late?"


def test_hints_follow_the_answer_by_themselves(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        sent = await place.practice.exchanges.message(place.ada.id, NewMessage(chat.id, QUESTION))
        assert (sent.answer, sent.hints) == (None, None)
        assert (await answer_of(sent.sent)) is not None
        await place.background.finished(f"hints {sent.sent.message_id}")
        names = await place.names()
        assert names.index("attempt_complete") < names.index("attempt_hint_progress")

    run(story())


def test_who_waits_has_the_answer_and_the_hints(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        done = await place.practice.exchanges.message(place.ada.id, NewMessage(chat.id, QUESTION), wait=True)
        assert done.answer is not None
        assert done.hints
        assert {note.message_id for note in done.hints} == {done.answer.id}
        quiet = NewMessage(chat.id, QUESTION, generate=False)
        kept = await place.practice.exchanges.message(place.ada.id, quiet, hints=["Breathe."])
        assert kept.answer is None
        assert kept.hints is not None
        assert [note.message_id for note in kept.hints] == [kept.sent.message_id]

    run(story())


def test_an_answer_that_the_client_brings_is_kept_and_told(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        await place.told()
        done = await place.practice.exchanges.message(
            place.ada.id, NewMessage(chat.id, QUESTION), answer="The bus.", hints=["Ask why."]
        )
        said, answered = await place.store.messages(chat.id)
        assert (answered.text, answered.persona_id, answered.parent_id) == ("The bus.", "mo", said.id)
        assert done.answer == answered
        assert done.hints is not None
        assert [note.message_id for note in done.hints] == [answered.id]
        names = await place.names()
        assert names.count("attempt_assistant_complete") == 1
        assert "attempt_hint_progress" in names
        assert done.sent.reply is None, "the persona is not asked"

    run(story())


def test_where_too_much_is_worked_on_the_answer_comes_without_hints(run: Run, place: Place) -> None:
    async def story() -> None:
        chat = (await place.start()).chats[0]
        for number in range(RUNNING_LIMIT):
            place.background.start(f"other {number}", asyncio.Event().wait())  # type: ignore[arg-type]
        sent = await place.practice.exchanges.message(place.ada.id, NewMessage(chat.id, QUESTION))
        assert await answer_of(sent.sent) is not None
        assert "attempt_hint_progress" not in await place.names()

    run(story())


def test_what_can_be_generated(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, generate, ada = await place.start(), place.practice.exchanges.generate, place.ada.id
        first, second = attempt.chats
        await place.say(first.id, QUESTION)
        answered = await generate(ada, Wanted(attempt_id=attempt.id, group_id="g"), wait=True)
        [text] = answered.produced
        assert (answered.name.group_id, text.kind) == ("g", "text")
        assert (await place.store.messages(first.id))[-1].id == text.id
        hints = await generate(ada, Wanted(("hints",), first.id))
        assert {part.kind for part in hints.produced} == {"hint"}
        await place.practice.ending.complete_chat(ada, first.id)
        assert (await generate(ada, Wanted(("hints",), attempt_id=attempt.id))).produced == (), "of the next chat"
        await place.practice.ending.complete_chat(ada, second.id)
        with pytest.raises(Invalid, match="Every chat of this attempt is complete"):
            await generate(ada, Wanted(attempt_id=attempt.id))
        for nothing in (None, "", " "):
            with pytest.raises(Invalid, match="chat_id is required"):
                await generate(ada, Wanted(attempt_id=nothing, conversation_id="nowhere"))

    run(story())


def test_a_message_needs_words_time_and_a_chat_of_ones_own(run: Run, place: Place) -> None:
    async def story() -> None:
        attempt, send, ada = await place.start(), place.practice.exchanges.message, place.ada.id
        chat = attempt.chats[0]
        with pytest.raises(Invalid, match="text or contents is required"):
            await send(ada, NewMessage(chat.id, "  "))
        with pytest.raises(NotFound):
            await send(place.bob.id, NewMessage(chat.id, QUESTION))
        with pytest.raises(NotFound):
            await send(ada, NewMessage(chat.id, QUESTION), attempt_id="elsewhere")
        place.forward(LIMIT_S)
        with pytest.raises(Conflict):
            await send(ada, NewMessage(chat.id, QUESTION))
        assert await place.store.messages(chat.id) == ()

    run(story())


def test_what_is_stopped_must_be_named(run: Run, place: Place) -> None:
    async def story() -> None:
        chat, stop, ada = (await place.start()).chats[0], place.practice.exchanges.stop, place.ada.id
        with pytest.raises(Invalid, match="Either chat_id or group_id is required"):
            await stop(ada)
        assert await stop(ada, chat_id=chat.id) is False
        assert await stop(ada, group_id="nowhere") is False
        sent = await place.practice.messages.send(ada, NewMessage(chat.id, QUESTION))
        assert await stop(ada, group_id=sent.group_id) is True
        assert await answer_of(sent) is None

    run(story())
