"""Fifty calls from a carrier's side, in virtual time: what the chat holds is what the loudspeaker has played."""

import asyncio
import random

import pytest

from api.bench.phone import PhoneInterruption, compared
from api.doors.telephone.desk import Desk
from api.doors.telephone.twilio.dialect import LINE
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.scene import desk_in, entry
from tests.api.doors.telephone.twilio.scene import spoken
from tests.api.doors.telephone.twilio.simulated import GREETING, Delay, SimulatedCall
from tests.pipeline.scene import steadily


async def interrupted(store: Store, desk: Desk, number: int, delay: Delay) -> PhoneInterruption:
    chance = random.Random(number)
    barge_in = spoken(chance.choice(["slt/turns/07", "slt/turns/13", "slt/repair-desk/01", "slt/clinic/02"]))
    call = SimulatedCall(desk, f"CA{number}", delay)

    async def story(call: SimulatedCall) -> None:
        await call.until(lambda: call.speaker.is_playing)
        await asyncio.sleep(chance.uniform(0.6, 8))
        call.say(barge_in)
        await call.until(lambda: not call.speech)
        await asyncio.sleep(1)

    await call.run(story)
    assert call.speaker.errors == []
    record = await store.phone_call_of(LINE, call.call_id)
    assert record is not None
    assert record.chat_id is not None
    reply = next(one for one in await store.messages(record.chat_id) if one.role == "assistant")
    assert reply.interrupted
    return compared(call.speaker, reply, call.spoken_at, barge_in)


@pytest.mark.slow
def test_fifty_calls_with_barge_in_at_random() -> None:
    found: list[PhoneInterruption] = []

    async def story(store: Store) -> None:
        async with desk_in(store, entry(greeting=GREETING)) as desk:
            for number in range(50):
                chance = random.Random(1000 + number)
                delay = Delay(chance.uniform(0, 0.04), chance.uniform(0, 0.04))
                found.append(await interrupted(store, desk, number, delay))

    steadily(story, run_virtually)
    assert [one for one in found if not one.right] == []
    assert [one for one in found if one.silent_ms > 200] == []
