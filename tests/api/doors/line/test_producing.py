"""What a line does for doors that do more than one thing at a message, produce beside the call, or keep no call."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace

from api.doors.line import DictationOnly, FreshAttempt, HangUp, LineOpened, Opening, Outsider, Produce, Respond, Say
from api.doors.line.dialect import PRODUCED_AT_ONCE
from models.store import Store
from pipeline.call.commands import RequestReply
from pipeline.conversation.events import CallEnded, Problem, ReplyBegan, UserMessage
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import PRACTICE, PlainDialect, carried, service_in
from tests.pipeline.scene import steadily
from tests.service import quiet
from tests.voice.sound import recording

FRESH = Opening(Outsider("walkie", "ada"), FreshAttempt(PRACTICE))


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


def test_one_message_may_mean_several_things_in_their_order() -> None:
    async def story(store: Store) -> None:
        knows = {"both": (Respond(("first",)), Say("Hello."), Respond(("second",)))}
        async with service_in(store) as service, carried(service, PlainDialect(FRESH, knows)) as caller:
            await caller.dialect.until(LineOpened)
            caller.wire.say("both")
            await caller.dialect.until(UserMessage)
            await asyncio.sleep(1)
            sent = [message for _, message in caller.wire.sent]
            assert sent.index("first") < sent.index("second")

    played_out(story)


def test_what_is_produced_beside_the_call_comes_as_it_is_made_and_ends_with_the_line() -> None:
    closed: list[int] = []

    async def story(store: Store) -> None:
        async def produce(number: int) -> AsyncGenerator[str]:
            try:
                yield f"begun {number}"
                await asyncio.sleep(1 if number == 0 else 10_000)
                yield f"done {number}"
            finally:
                closed.append(number)

        knows = {str(number): Produce(produce(number)) for number in range(PRODUCED_AT_ONCE + 1)}
        async with service_in(store) as service, carried(service, PlainDialect(FRESH, knows)) as caller:
            await caller.dialect.until(LineOpened)
            caller.wire.say(*map(str, range(PRODUCED_AT_ONCE + 1)))
            assert (await caller.dialect.until(Problem)).code == "busy"
            await asyncio.sleep(2)
            sent = [message for _, message in caller.wire.sent]
            assert [f"begun {number}" for number in range(PRODUCED_AT_ONCE)] == [
                one for one in sent if str(one).startswith("begun")
            ]
            assert [one for one in sent if str(one).startswith("done")] == ["done 0"]
        assert sorted(closed) == list(range(PRODUCED_AT_ONCE))

    played_out(story)


def test_a_call_that_does_not_stay_ends_with_its_line() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            async with carried(service, PlainDialect(replace(FRESH, stays=False))) as caller:
                opened = await caller.dialect.until(LineOpened)
                call = service.calls.find((await service.store.user_by_name("walkie:ada")).id, chat_id=opened.chat_id)
            await call.session.finished()
            assert len(service.calls) == 0

    played_out(story)


def test_a_dictation_is_written_down_and_kept_nowhere() -> None:
    async def story(store: Store) -> None:
        opening = Opening(Outsider("walkie", "ada"), DictationOnly())
        knows = {"answer": RequestReply(), "end": HangUp()}
        async with service_in(store) as service:
            service.calls.register(service.dictations)
            async with carried(service, PlainDialect(opening, knows)) as caller:
                opened = await caller.dialect.until(LineOpened)
                assert opened.persona == "Assistant"
                await caller.speak(recording("rms/turns/13"))
                await caller.speak(quiet(2_000))
                assert (await caller.dialect.until(UserMessage)).text
                await caller.dialect.until(ReplyBegan)
                caller.wire.say("end")
                await caller.dialect.until(CallEnded)
            assert await service.dictations.open("somebody", opened.chat_id) is None

    played_out(story)
