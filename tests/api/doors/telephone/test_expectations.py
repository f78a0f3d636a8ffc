"""What a caller expects, on every line alike: phone sense in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Any

import pytest

from api.doors.line import Close
from api.doors.telephone.plan import LEAVE_A_MESSAGE, MESSAGE_TAKEN, NOBODY, STILL_THERE
from api.doors.telephone.sentences import RecordedSentence, recorded
from models.records.core import Message
from models.store import Store
from pipeline.call.prompts import PUT_THROUGH
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import GREETING, now
from tests.api.doors.telephone.scene import (
    HUMAN,
    ContinuousDialect,
    MemoryDialect,
    Phone,
    calling,
    desk_in,
    entry,
    freed,
    recorded_calls,
)
from tests.api.doors.telephone.twilio.scene import spoken
from tests.pipeline.scene import engines, steadily
from voice.audio.g711 import mulaw_encode
from voice.work.workers import InlineWorkers


def played_out(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, run_virtually)


async def messages(store: Store, phone: Phone) -> list[Message]:
    reception = phone.dialect.reception
    assert reception is not None
    assert reception.call is not None
    return list(await store.messages(reception.call.session.conversation.chat_id))


async def texts(store: Store, phone: Phone) -> list[str]:
    return [one.text for one in await messages(store, phone)]


async def acknowledging(phone: Phone) -> None:
    """Return each mark half a second after it came, as a far end with a buffer of that length."""
    seen = 0
    while True:
        sent = phone.wire.sent
        while seen < len(sent) and now() - sent[seen][0] >= 0.3:
            if isinstance(sent[seen][1], str) and str(sent[seen][1]).startswith("mark:"):
                phone.wire.say(str(sent[seen][1]))
            seen += 1
        await asyncio.sleep(0.02)


@pytest.mark.slow
def test_are_you_still_there_twice_then_goodbye_and_the_line_drops_after_the_last_word() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(silence_s=[8, 8, 10], greeting="Hello.")) as desk, calling(desk) as phone:
            echoing = asyncio.create_task(acknowledging(phone))
            begun = now()
            await phone.until(phone.serving.done, within_s=90)
            echoing.cancel()
            assert await texts(store, phone) == ["Hello.", *STILL_THERE, NOBODY]
            assert 26 < now() - begun < 45
            last_audio = phone.audio[-1][0]
            assert now() - last_audio > 0.3, "what was sent ahead was heard, and a moment more"
            assert phone.wire.closed == [Close.ENDED]
            assert phone.dialect.hung_up == 1
            assert [call.reason for call in await recorded_calls(store)] == ["silence"]

    played_out(story)


@pytest.mark.slow
def test_a_warning_before_the_limit_and_a_whole_sentence_at_it() -> None:
    async def story(store: Store) -> None:
        chosen = entry(silence_s=[], max_s=60, warning_s=20, greeting="Hello.")
        async with desk_in(store, chosen) as desk, calling(desk, ContinuousDialect(desk)) as phone:
            begun = now()
            await phone.until(phone.serving.done, within_s=90)
            assert 60 < now() - begun < 70
            said = await texts(store, phone)
            assert said[1:] == [
                "Our time is nearly up.",
                "Our time is up, so I have to end the call here. Goodbye.",
            ]
            assert [call.reason for call in await recorded_calls(store)] == ["duration"]

    played_out(story)


def test_a_key_interrupts_and_a_longer_entry_ends_by_the_hash() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 8)
            phone.wire.say("key:1")
            await asyncio.sleep(0.1)
            heard = len(phone.audio)
            assert phone.texts[-1] == "clear"
            for key in "234#":
                phone.wire.say(f"key:{key}")
            await phone.until(lambda: len(phone.audio) > heard + 3)
            said = await messages(store, phone)
            assert said[0].interrupted
            assert GREETING.startswith(said[0].text)
            assert (said[1].role, said[1].text) == ("user", "1234")

    played_out(story)


def test_the_star_repeats_and_an_offered_key_answers_at_once() -> None:
    async def story(store: Store) -> None:
        offer = "Press 1 for the desk, or 2 for the office."
        async with desk_in(store, entry(greeting=offer)) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 20)
            phone.wire.say("key:*")
            await asyncio.sleep(6)
            assert (await texts(store, phone))[-1] == offer
            phone.wire.say("key:2")
            await asyncio.sleep(0.5)
            assert "2" in await texts(store, phone), "without waiting for more keys"

    played_out(story)


@pytest.mark.parametrize("answers", [True, False])
def test_the_key_0_asks_for_a_human(answers: bool) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(human=HUMAN, greeting="Hello.")) as desk:
            dialect = MemoryDialect(desk)
            dialect.answers = answers
            async with calling(desk, dialect) as phone:
                await phone.until(lambda: len(phone.audio) > 3)
                phone.wire.say("key:0")
                await phone.until(lambda: bool(dialect.transfers))
                assert dialect.transfers == [HUMAN]
                if answers:
                    await phone.serving
                else:
                    await asyncio.sleep(12)
                said = await texts(store, phone)
                assert PUT_THROUGH in said
                assert any("could not put you through" in one for one in said) is not answers
            await freed(desk)
            assert [call.reason for call in await recorded_calls(store)] == ["transfer" if answers else "caller"]

    played_out(story)


def test_outside_the_hours_a_message_is_taken_and_kept_as_a_chat() -> None:
    async def story(store: Store) -> None:
        today = store.now().astimezone(UTC).strftime("%a")
        other = "Mon" if today != "Mon" else "Tue"
        chosen = entry(hours=f"{other} 09:00-09:01", closed="We are closed.", message=True)
        async with desk_in(store, chosen) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 5)
            await asyncio.sleep(8)
            audio = spoken("slt/turns/07")
            await phone.speak(len(audio) / 8_000, audio)
            await phone.until(phone.serving.done, within_s=60)
            said = [(one.role, one.text) for one in await messages(store, phone)]
            assert said == [
                ("assistant", f"We are closed. {LEAVE_A_MESSAGE}"),
                ("user", "can you repeat that please"),
                ("assistant", MESSAGE_TAKEN),
            ]
            (call,) = await recorded_calls(store)
            assert call.reason == "message"
            assert call.chat_id is not None

    played_out(story)


def test_a_service_that_restarts_says_so_where_the_carrier_does_not_come_back() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(greeting="Hello.")) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 3)
            await asyncio.sleep(3)
            heard = len(phone.audio)
            await desk.service.calls.drain(5)
            await phone.serving
            rest = b"".join(data for _, data in phone.audio[heard:])
            assert rest.startswith(mulaw_encode(recorded(RecordedSentence.RESTARTING)))
            assert phone.wire.closed == [Close.RESTARTING]

    played_out(story)


def test_engines_that_are_not_ready_are_a_recorded_sentence_and_no_dead_air() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            desk.service.ready.clear()
            async with calling(desk, ContinuousDialect(desk)) as phone:
                await phone.serving
                assert len(phone.audio) > 200
                assert phone.wire.closed == [Close.BROKEN]
            assert [call.reason for call in await recorded_calls(store)] == ["failed"]

    played_out(story)


@pytest.mark.parametrize("how", ["bye", None])
def test_all_is_free_within_a_second_of_a_hang_up_and_nothing_that_was_said_is_lost(how: str | None) -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 5)
            audio = spoken("slt/turns/07")
            await phone.speak(1.2, audio)
            at = now()
            phone.wire.say(how)
            await phone.serving
            await freed(desk)
            assert now() - at < 1
            assert "can you repeat that please" in await texts(store, phone)
            assert [call.reason for call in await recorded_calls(store)] == ["caller"]

    played_out(story)


class Slowly(InlineWorkers):
    """Workers with which a transcript takes four seconds."""

    async def run(self, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(4)
        return await super().run(*arguments, **named)


@pytest.mark.parametrize("how", ["bye", None])
def test_a_slow_recogniser_keeps_no_line_and_still_nothing_is_lost(how: str | None) -> None:
    async def story(store: Store) -> None:
        chosen = engines(stt_workers=Slowly())
        async with desk_in(store, entry(), chosen=chosen) as desk, calling(desk) as phone:
            await phone.until(lambda: len(phone.audio) > 5)
            await phone.speak(1.2, spoken("slt/turns/07"))
            at = now()
            phone.wire.say(how)
            await phone.serving
            assert phone.wire.closed == [Close.ENDED if how else Close.GONE]
            for _ in range(50):
                if len(desk):
                    await asyncio.sleep(0.02)
            assert now() - at < 1, "the place, the wire and the record"
            assert [call.reason for call in await recorded_calls(store)] == ["caller"]
            await freed(desk)
            assert "can you repeat that please" in await texts(store, phone)

    played_out(story)


@pytest.mark.slow
def test_two_hundred_calls_leave_nothing() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry(greeting="Hello.")) as desk:
            tasks = 0
            for number in range(200):
                chosen = (MemoryDialect if number % 2 else ContinuousDialect)(desk, f"call-{number}")
                async with calling(desk, chosen) as phone:
                    await phone.until(lambda phone=phone: len(phone.audio) > 3)  # type: ignore[misc]
                    phone.wire.say("bye" if number % 3 else None)
                    await phone.serving
                await freed(desk)
                if number == 20:
                    tasks = len(asyncio.all_tasks())
            assert len(asyncio.all_tasks()) <= tasks
            assert len(desk.service.calls) == 0
            assert len(desk.tickets) == 0
            assert {call.reason for call in await store.phone_calls(500)} == {"caller"}
            assert len(await store.phone_calls(500)) == 200

    played_out(story)
