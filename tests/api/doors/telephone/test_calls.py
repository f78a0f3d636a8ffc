"""What happens on every line alike: who may call whom, what is said, and what is recorded."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any

import pytest

from api.doors.line import Close
from api.doors.telephone.pin import pin_hash
from api.doors.telephone.sentences import RECORDED_HZ, RecordedSentence, recorded
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import GREETING, now
from tests.api.doors.telephone.scene import (
    CALLER,
    NUMBER,
    ContinuousDialect,
    MemoryDialect,
    Phone,
    calling,
    desk_in,
    entry,
    recorded_calls,
)
from tests.pipeline.scene import steadily
from voice.audio.g711 import mulaw_encode


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


async def messages(store: Store, phone: Phone) -> list[str]:
    reception = phone.dialect.reception
    assert reception is not None
    assert reception.call is not None
    return [one.text for one in await store.messages(reception.call.session.conversation.chat_id)]


def sentence(which: RecordedSentence) -> bytes:
    return mulaw_encode(recorded(which))


def test_a_caller_is_greeted_within_a_second_and_recorded_when_hanging_up() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            async with calling(desk) as phone:
                begun = now()
                await phone.until(lambda: len(phone.audio) > 0)
                assert now() - begun < 1
                await phone.until(lambda: len(phone.audio) > 5)
                assert len(desk) == 1
                phone.wire.say("bye")
                await phone.serving
                said = await messages(store, phone)
            assert len(desk) == 0
            assert said[0] == "" or GREETING.startswith(said[0])
            (call,) = await recorded_calls(store)
            assert (call.line, call.carrier_id, call.direction) == ("memory", "call-1", "in")
            assert (call.caller, call.called, call.number, call.reason) == (CALLER, NUMBER, NUMBER, "caller")
            assert call.chat_id is not None
            assert call.duration_s is not None
            assert call.user_id == (await store.user_by_name(f"tel:{CALLER}")).id  # type: ignore[union-attr]

    played_out(story)


def test_a_caller_who_hangs_up_while_the_line_opens_leaves_no_call() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            async with calling(desk) as phone:
                phone.wire.say("bye")  # the connection stays open, as some carriers' does
                begun = now()
                await phone.serving
                assert now() - begun < 1
            assert len(desk) == 0
            assert len(desk.service.calls) == 0
            (call,) = await recorded_calls(store)
            assert call.reason == "caller"

    played_out(story)


@pytest.mark.parametrize(
    ("fields", "caller", "called", "reason"),
    [
        ({}, CALLER, "+4930000", "unknown-number"),
        ({"block": [CALLER]}, CALLER, NUMBER, "blocked"),
        ({"block": ["+1555*"]}, "+1 (555) 999-0000", NUMBER, "blocked"),
        ({"block": ["anonymous"]}, "Restricted", NUMBER, "blocked"),
    ],
)
def test_a_call_that_is_not_taken_is_recorded(fields: dict[str, Any], caller: str, called: str, reason: str) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(**fields)) as desk:
            async with calling(desk, MemoryDialect(desk, caller=caller, called=called)) as phone:
                await phone.serving
                assert phone.audio == []
                assert phone.wire.closed == [Close.NOT_ALLOWED]
            assert [call.reason for call in await recorded_calls(store)] == [reason]

    played_out(story)


def test_busy_lines_and_closed_hours_are_said_and_nothing_is_opened() -> None:
    async def story(store: Store) -> None:
        never = store.now().astimezone(UTC).strftime("%a")
        other = "Mon" if never != "Mon" else "Tue"
        shut = entry(number="200", hours=f"{other} 09:00-09:01")
        async with desk_in(store, entry(lines=1), shut) as desk, calling(desk) as first:
            await first.until(lambda: len(first.audio) > 0)
            async with calling(desk, MemoryDialect(desk, "call-2")) as second:
                await second.serving
                assert b"".join(data for _, data in second.audio).startswith(sentence(RecordedSentence.BUSY))
                took = second.audio[-1][0] - second.audio[0][0]
                assert took == pytest.approx(len(recorded(RecordedSentence.BUSY)) / RECORDED_HZ, abs=0.3)
            async with calling(desk, ContinuousDialect(desk, "call-3", called="200")) as third:
                await third.serving
                assert third.dialect.hung_up == 1
            assert await store.list_users() == tuple(
                account for account in await store.list_users() if account.user.name == f"tel:{CALLER}"
            )
            reasons = {call.carrier_id: call.reason for call in await recorded_calls(store)}
            assert reasons == {"call-1": "", "call-2": "busy", "call-3": "closed"}

    played_out(story)


def test_a_pin_opens_its_users_calls_and_the_caller_id_nobodys() -> None:
    async def story(store: Store) -> None:
        ada = await store.create_user("ada")
        await store.set_phone_pin("ada", pin_hash("12345678"))
        async with desk_in(store, entry(user="pin")) as desk:
            async with calling(desk) as phone:
                await phone.until(lambda: len(phone.audio) > 10)
                for key in "99999999#":
                    phone.wire.say(f"key:{key}")
                await asyncio.sleep(8)
                for key in "1234*12345678#":
                    phone.wire.say(f"key:{key}")
                await phone.until(lambda: phone.dialect.reception.call is not None)  # type: ignore[union-attr]
                assert phone.dialect.reception.call.user_id == ada.id  # type: ignore[union-attr]
            async with calling(desk, MemoryDialect(desk, "call-2")) as phone:
                await phone.serving
            calls = await recorded_calls(store)
            assert [call.reason for call in calls] == ["caller", "no-pin"]
            assert calls[1].user_id is None

    played_out(story)


def test_a_call_has_one_stream_and_one_start() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            async with calling(desk) as first:
                await first.until(lambda: len(first.audio) > 0)
                async with calling(desk) as second:
                    await second.serving
                    assert second.audio == []
                first.wire.say("bye")
                await first.serving
            async with calling(desk) as again:
                await again.serving
                assert again.audio == [], "the call is over"
            async with calling(desk, MemoryDialect(desk, "call-2"), starts=False) as silent:
                begun = now()
                await silent.serving
                assert now() - begun == pytest.approx(5, abs=0.1)
            assert [call.reason for call in await recorded_calls(store)] == ["caller"]

    played_out(story)
