"""The Line: what is the same behind every door, over a wire in memory and in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from api.doors.line import (
    Bearer,
    Close,
    Commit,
    Digit,
    Formats,
    FreshAttempt,
    HangUp,
    Hear,
    Heard,
    Known,
    LineOpened,
    Mute,
    OpenCall,
    Opening,
    Outsider,
    Patience,
    Played,
    Respond,
    Say,
    StandingChat,
    Stop,
)
from api.doors.line.outbox import Outbox
from api.service import Service
from models.store import Store
from pipeline.call.registry import CallLimits
from pipeline.call.settings import Prompt, SilencePlan
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    UserEnded,
    UserMessage,
)
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import GREETING, PRACTICE, Caller, MemoryWire, PlainDialect, carried, now, service_in
from tests.pipeline.scene import steadily
from tests.voice.sound import recording
from voice.audio.formats import AudioFormat

LINE = recording("rms/turns/13")
SILENCE = np.zeros(16_000, np.int16)
ADA = Outsider("tel", "+15551230000")
FRESH = Opening(ADA, FreshAttempt(PRACTICE))


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


async def refused(
    service: Service, opening: Opening | None, patience: Patience | None = None
) -> tuple[str, str, Close]:
    """What a caller is told who is not let in: code, sentence, and why the wire was closed."""
    caller = Caller(service, PlainDialect(opening), patience)
    await caller.line.serve()
    (problem,) = caller.dialect.events
    assert isinstance(problem, Problem)
    assert problem.fatal
    (reason,) = caller.wire.closed
    return problem.code, problem.message, reason


# ------------------------------------------------------------------ who, and where


def test_an_outsider_is_made_a_user_once_and_gets_a_fresh_chat_each_time() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            chats = []
            for _ in range(2):
                async with carried(service, PlainDialect(FRESH)) as caller:
                    opened = await caller.dialect.until(LineOpened)
                    assert not opened.resumed
                    chats.append(opened.chat_id)
            user = await store.user_by_name("tel:+15551230000")
            assert user is not None
            assert [(await store.chat(user.id, chat)).id for chat in chats] == chats
            assert len(set(chats)) == 2

    played_out(story)


def test_a_standing_chat_goes_on() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            async with carried(service, PlainDialect(FRESH, {"bye": HangUp(), "hi": Say("Hello")})) as caller:
                opened = await caller.dialect.until(LineOpened)
                caller.wire.say("hi", "bye")
                await caller.dialect.until(CallEnded)
            user = await store.user_by_name("tel:+15551230000")
            assert user is not None
            again = Opening(Known(user), StandingChat(opened.chat_id))
            async with carried(service, PlainDialect(again)) as caller:
                reopened = await caller.dialect.until(LineOpened)
                assert reopened.chat_id == opened.chat_id
                assert reopened.conversation_id != opened.conversation_id
            assert [message.text for message in await store.messages(opened.chat_id)][:1] == ["Hello"]

    played_out(story)


def test_a_short_lived_token_lets_in_and_an_expired_one_does_not() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            ada = await store.create_user("ada")
            good, _ = await store.create_token("ada", lifetime=timedelta(hours=1))
            expired, _ = await store.create_token("ada", lifetime=timedelta(0))
            async with carried(service, PlainDialect(Opening(Bearer(good), FreshAttempt(PRACTICE)))) as caller:
                opened = await caller.dialect.until(LineOpened)
                assert (await store.chat(ada.id, opened.chat_id)).id == opened.chat_id
            for token in (expired, "glow_unknown", ""):
                code, _, reason = await refused(service, Opening(Bearer(token), FreshAttempt(PRACTICE)))
                assert (code, reason) == ("unauthorized", Close.NOT_ALLOWED)

    played_out(story)


@pytest.mark.parametrize(
    ("opening", "code", "says"),
    [
        (replace(FRESH, caller=Outsider("tel", "  ")), "invalid", "1 to 200 characters"),
        (replace(FRESH, caller=Outsider("tel", "5" * 201)), "invalid", "1 to 200 characters"),
        (replace(FRESH, chat=FreshAttempt("no such practice")), "not_found", "not found"),
        (replace(FRESH, chat=FreshAttempt()), "invalid", "required"),
        (replace(FRESH, chat=StandingChat("no such chat")), "not_found", "Chat not found"),
        (replace(FRESH, chat=StandingChat("no such chat", resume="token")), "not_found", "no call to resume"),
        (replace(FRESH, input=AudioFormat("pcm16", 4_000)), "unsupported_format", "8000 to 48000 Hz"),
        (replace(FRESH, output=AudioFormat("container")), "unsupported_format", "only goes in"),
    ],
)
def test_who_is_not_let_in_is_told_why(opening: Opening, code: str, says: str) -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            told, sentence, reason = await refused(service, opening)
            assert (told, reason) == (code, Close.NOT_ALLOWED)
            assert says in sentence

    played_out(story)


@pytest.mark.parametrize("provider", ["", "Tel", "tel:", "a b", "x" * 40])
def test_a_provider_is_the_doors_own_word(provider: str) -> None:
    with pytest.raises(ValueError, match="no provider"):
        Outsider(provider, "+1555")


def test_a_caller_too_many_is_told_to_come_back_and_leaves_no_attempt() -> None:
    async def story(store: Store) -> None:
        full = CallLimits(max_calls=1)
        async with service_in(store, limits=full) as service, carried(service, PlainDialect(FRESH)) as caller:
            await caller.dialect.until(LineOpened)
            other = replace(FRESH, caller=Outsider("tel", "+2"))
            code, _, reason = await refused(service, other)
            assert (code, reason) == ("busy", Close.BUSY)
            made = await store.user_by_name("tel:+2")
            next_made = await store.create_user("bob")
            assert made is not None
            numbers = [int(row.id.removeprefix("row-")) for row in (made, next_made)]
            assert numbers[1] == numbers[0] + 1, "the store has made nothing in between"

    played_out(story)


def test_who_never_opens_a_call_is_let_go() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            code, sentence, reason = await refused(service, None, Patience(first_message_s=7))
            assert (code, reason) == ("too_late", Close.NOT_ALLOWED)
            assert sentence == "Send a hello as the first message, within 7 s of connecting."
            assert now() == pytest.approx(7)

    played_out(story)


def test_what_was_said_before_the_call_was_open_comes_first() -> None:
    async def story(store: Store) -> None:
        before = (Say("I am early"), Hear(bytes(640)), Say("and patient"))
        async with (
            service_in(store) as service,
            carried(service, PlainDialect(replace(FRESH, before=before))) as caller,
        ):
            assert (await caller.dialect.until(UserMessage)).text == "I am early"
            assert (await caller.dialect.until(UserMessage)).text == "and patient"

    played_out(story)


def test_a_call_has_its_own_settings() -> None:
    async def story(store: Store) -> None:
        opening = replace(FRESH, settings=lambda made: replace(made, silence=SilencePlan((Prompt(7),))))
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            await caller.dialect.until(ReplyBegan)
            assert now() == pytest.approx(7, abs=0.5)

    played_out(story)


# ---------------------------------------------------------------- what is done


KNOWS: dict[str, Heard] = {
    "say": Say("Hello"),
    "commit": Commit(),
    "stop": Stop(),
    "mute": Mute(),
    "digit": Digit("5"),
    "#": Digit("#"),
    "hang up": HangUp(),
    "ping": Respond(("pong", b"\x01")),
}


@pytest.mark.parametrize(
    ("opening", "said", "kind", "wanted"),
    [
        (FRESH, ["say"], UserMessage, {"text": "Hello"}),
        (FRESH, ["digit", "digit", "#"], UserMessage, {"text": "55"}),
        (FRESH, [LINE, "mute"], UserEnded, {"reason": "mute"}),
        (replace(FRESH, manual=True), [LINE, "commit"], UserEnded, {"reason": "commit"}),
        (FRESH, [LINE, "hang up"], UserEnded, {"reason": "end"}),
        (FRESH, ["hang up"], CallEnded, {"stopped": True}),
        (replace(FRESH, greet=True), ["wait", "stop"], ReplyCleared, {"turn": 0}),
        (FRESH, ["sing"], Problem, {"code": "unknown_word", "fatal": False}),
    ],
)
def test_every_command_reaches_the_call(opening: Opening, said: list[Any], kind: Any, wanted: dict[str, Any]) -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(opening, KNOWS)) as caller:
            for message in said:
                if isinstance(message, np.ndarray):
                    await caller.speak(message)
                elif message == "wait":
                    await caller.dialect.until(ReplyBegan)
                    await asyncio.sleep(1)
                else:
                    caller.wire.say(message)
            await caller.dialect.until(kind, **wanted)

    played_out(story)


def test_the_end_of_a_call_closes_the_wire() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(FRESH, KNOWS)) as caller:
            caller.wire.say("hang up")
            await caller.dialect.until(CallEnded)
        assert caller.wire.closed == [Close.ENDED]
        assert [message for _, message in caller.wire.sent] == ["LineOpened", "CallEnded"]

    played_out(story)


def test_an_answer_comes_in_its_order() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(FRESH, KNOWS)) as caller:
            caller.wire.say("sing", "ping", "sing", "hang up")
            await caller.dialect.until(CallEnded)
        assert [message for _, message in caller.wire.sent] == [
            *("LineOpened", "Problem", "pong", b"\x01", "Problem", "CallEnded")
        ]

    played_out(story)


def test_what_was_played_is_believed() -> None:
    async def story(store: Store) -> None:
        knows = {**KNOWS, "played": Played(0, 200)}
        async with (
            service_in(store) as service,
            carried(service, PlainDialect(replace(FRESH, greet=True), knows)) as caller,
        ):
            await caller.dialect.until(ReplyBegan)
            await asyncio.sleep(3)
            caller.wire.say("played", "stop")  # a player that has stalled: it says that it is far behind
            cleared = await caller.dialect.until(ReplyCleared)
            assert cleared.heard_ms == pytest.approx(200, abs=20)

    played_out(story)


def test_formats_change_in_the_middle_of_a_call() -> None:
    async def story(store: Store) -> None:
        knows: dict[str, Heard] = {
            **KNOWS,
            "telephone": Formats(AudioFormat("mulaw", 8_000), AudioFormat("alaw", 8_000)),
            "nonsense": Formats(AudioFormat("pcm16", 1), None),
        }
        async with (
            service_in(store) as service,
            carried(service, PlainDialect(replace(FRESH, greet=True), knows)) as caller,
        ):
            await caller.dialect.until(ReplyBegan)
            await asyncio.sleep(1)
            before = len(caller.dialect.packets)
            caller.wire.say("nonsense")
            assert (await caller.dialect.until(Problem)).code == "unsupported_format"
            caller.wire.say("telephone")
            await asyncio.sleep(1)
            wide, narrow = caller.dialect.packets[:before], caller.dialect.packets[before + 1 :]
            assert {len(packet.data) / packet.duration_ms for _, packet in wide} == {48}
            assert {len(packet.data) / packet.duration_ms for _, packet in narrow} == {8}
            caller.wire.say(b"\xff" * 8_000)
            await asyncio.sleep(0.1)
            call = service.calls.find((await user(store)).id, chat_id=caller.dialect.of(LineOpened)[0].chat_id)
            assert call is not None
            assert call.session.position_ms == pytest.approx(1_000, abs=20), "8000 bytes are a second now"
            assert call.output == AudioFormat("alaw", 8_000)

    played_out(story)


async def user(store: Store) -> Any:
    return await store.user_by_name("tel:+15551230000")


# ------------------------------------------------- dropped, slow, taken, broken


def test_what_did_not_reach_a_slow_reader_is_told_to_whoever_resumes() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            slow = Caller(service, PlainDialect(FRESH), Patience(send_s=3_600, outbox=20))
            serving = asyncio.create_task(slow.line.serve())
            opened = await slow.dialect.until(LineOpened)
            await asyncio.sleep(0.1)
            slow.wire.reads.clear()
            for number in range(30):
                slow.wire.say(f"word {number}")
            await asyncio.sleep(0.1)
            assert len(slow.dialect.of(Problem)) == 30
            slow.wire.reads.set()
            await serving
            assert slow.wire.closed == [Close.RESTARTING]
            got = [message for _, message in slow.wire.sent]
            assert got == ["LineOpened", "Problem", "Problem"], "the one in flight, and why it is closed"
            resuming = Opening(ADA, StandingChat(opened.chat_id, opened.resume))
            async with carried(service, PlainDialect(resuming)) as caller:
                resumed = await caller.dialect.until(LineOpened)
                assert (resumed.resumed, resumed.missed) == (True, 29)
                missed = [problem.message for problem in caller.dialect.of(Problem)]
                assert missed == [f"There is no word word {number}." for number in range(1, 30)]

    played_out(story)


def test_a_reader_that_never_reads_is_let_go() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            caller = Caller(service, PlainDialect(FRESH), Patience(send_s=5))
            caller.wire.reads.clear()
            await caller.line.serve()
            assert now() == pytest.approx(10), "five for the message, five for the reason"
            assert caller.wire.closed == [Close.RESTARTING]

    played_out(story)


def test_a_resume_takes_the_call_from_the_other_line() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(FRESH)) as first:
            opened = await first.dialect.until(LineOpened)
            taking = Opening(ADA, StandingChat(opened.chat_id, opened.resume))
            async with carried(service, PlainDialect(taking)) as second:
                assert (await second.dialect.until(LineOpened)).conversation_id == opened.conversation_id
                assert (await first.dialect.until(Problem)).code == "taken_over"
                assert first.wire.closed == [Close.NOT_ALLOWED]
                assert not second.wire.closed

    played_out(story)


def test_a_call_that_somebody_attends_is_not_taken_without_its_token() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service, carried(service, PlainDialect(FRESH)) as first:
            opened = await first.dialect.until(LineOpened)
            owner = await user(store)
            call = service.calls.find(owner.id, chat_id=opened.chat_id)
            assert call is not None
            for chat in (StandingChat(opened.chat_id), OpenCall(call)):
                code, _, reason = await refused(service, Opening(Known(owner), chat))
                assert (code, reason) == ("session_conflict", Close.NOT_ALLOWED)
            call.session.hang_up()
            await call.session.finished()
            await first.dialect.until(CallEnded)
            code, _, _ = await refused(service, Opening(Known(owner), OpenCall(call)))
            assert code == "session_conflict", "an open call that is over is none"

    played_out(story)


@pytest.mark.parametrize("how", ["goes", "fails"])
def test_a_caller_who_goes_leaves_a_call_that_waits(how: str) -> None:
    async def story(store: Store) -> None:
        async with service_in(store, limits=CallLimits(resume_s=60)) as service:
            async with carried(service, PlainDialect(FRESH, KNOWS)) as caller:
                opened = await caller.dialect.until(LineOpened)
                await asyncio.sleep(0.1)
                if how == "fails":
                    caller.wire.gone = True
                    caller.wire.say("ping")
                    await asyncio.sleep(0.1)
            assert caller.wire.closed == [Close.GONE]
            call = service.calls.find((await user(store)).id, chat_id=opened.chat_id)
            assert call is not None
            assert not call.attended
            await asyncio.sleep(61)
            assert call.session.ended

    played_out(story)


def test_a_defect_of_a_dialect_ends_its_line_and_not_the_call() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            caller = Caller(service, PlainDialect(FRESH, KNOWS))
            caller.dialect.breaks_at = UserMessage
            serving = asyncio.create_task(caller.line.serve())
            opened = await caller.dialect.until(LineOpened)
            caller.wire.say("say")
            with pytest.raises(LookupError):
                await serving
            assert caller.wire.closed == [Close.BROKEN]
            resuming = Opening(ADA, StandingChat(opened.chat_id, opened.resume))
            async with carried(service, PlainDialect(resuming)) as again:
                assert (await again.dialect.until(LineOpened)).conversation_id == opened.conversation_id
                assert (await again.dialect.until(ReplyEnded)).text, "and it is answered"

    played_out(story)


def test_what_a_wire_cannot_carry_does_not_end_the_lines_that_resume() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            caller = Caller(service, PlainDialect(FRESH, KNOWS))
            caller.wire.refuses = "UserMessage"
            serving = asyncio.create_task(caller.line.serve())
            opened = await caller.dialect.until(LineOpened)
            caller.wire.say("say")
            with pytest.raises(UnicodeEncodeError):
                await serving
            resuming = Opening(ADA, StandingChat(opened.chat_id, opened.resume))
            async with carried(service, PlainDialect(resuming)) as again:
                assert (await again.dialect.until(ReplyEnded)).text, "and it is answered"
                assert not again.dialect.of(UserMessage)

    played_out(story)


def test_half_a_character_is_sent_as_none() -> None:
    async def story() -> None:
        wire, outbox = MemoryWire(), Outbox(limit=10, send_s=1.0)
        outbox.put(["whole \U0001f600", "half \ud83d", b"\xff"])
        outbox.end()
        await outbox.run(wire)
        assert [message for _, message in wire.sent] == ["whole \U0001f600", "half \ufffd", b"\xff"]

    run_virtually(story())


def test_a_line_that_is_cancelled_closes_its_wire_for_a_restart() -> None:
    async def story(store: Store) -> None:
        async with service_in(store) as service:
            caller = Caller(service, PlainDialect(FRESH))
            serving = asyncio.create_task(caller.line.serve())
            await caller.dialect.until(LineOpened)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            assert serving.cancelled()
            assert caller.wire.closed == [Close.RESTARTING]

    played_out(story)


def test_what_a_by_hub_the_line_does_not() -> None:
    async def story(store: Store) -> None:
        opening = replace(FRESH, greet=True, by_hub=True)
        async with service_in(store) as service, carried(service, PlainDialect(opening)) as caller:
            assert (await caller.dialect.until(ReplyEnded)).heard == GREETING
            assert not caller.dialect.packets

    played_out(story)
