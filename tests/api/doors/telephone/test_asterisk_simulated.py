"""Fifty calls at random on each of Asterisk's lines, in virtual time: the chat holds what was played; it ends soon."""

import asyncio
import itertools
import random
import uuid

import pytest

from api.bench.phone import PhoneInterruption, compared
from api.doors.telephone.desk import Desk
from models.store import Store
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.telephone.asterisk_simulated import AsteriskLine, SimulatedAsterisk
from tests.api.doors.telephone.scene import desk_in, entry
from tests.api.doors.telephone.twilio.scene import spoken
from tests.api.doors.telephone.twilio.simulated import GREETING, Delay
from tests.pipeline.scene import Repeater, engines, steadily


async def interrupted(store: Store, desk: Desk, line: AsteriskLine, number: int, delay: Delay) -> PhoneInterruption:
    chance = random.Random(number)
    barge_in = spoken(chance.choice(["slt/turns/07", "slt/turns/13", "slt/repair-desk/01", "slt/clinic/02"]))
    call = SimulatedAsterisk(desk, line, str(uuid.UUID(int=number)), delay)

    async def story(call: SimulatedAsterisk) -> None:
        await call.until(lambda: call.is_playing)
        await asyncio.sleep(chance.uniform(0.6, 8))
        call.say(barge_in)
        await call.until(lambda: not call.speech)
        await asyncio.sleep(1)

    await call.run(story)
    assert call.faults == []
    record = await store.phone_call_of(line, call.call_id)
    assert record is not None
    assert record.chat_id is not None
    reply = next(one for one in await store.messages(record.chat_id) if one.role == "assistant")
    assert reply.interrupted
    return compared(call.speaker, reply, call.spoken_at, barge_in)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "furthest_s"),
    [
        pytest.param(
            "audiosocket", 0.02, id="audiosocket on a network of its own, as what was sent cannot be recalled"
        ),
        pytest.param("asterisk", 0.04, id="chan_websocket"),
    ],
)
def test_fifty_calls_with_barge_in_at_random(line: AsteriskLine, furthest_s: float) -> None:
    found: list[PhoneInterruption] = []

    async def story(store: Store) -> None:
        async with desk_in(store, entry(greeting=GREETING)) as desk:
            for number in range(50):
                chance = random.Random(1000 + number)
                delay = Delay(chance.uniform(0, furthest_s), chance.uniform(0, furthest_s))
                found.append(await interrupted(store, desk, line, number, delay))

    steadily(story, run_virtually)
    assert [one for one in found if not one.right] == []
    assert [one for one in found if one.silent_ms > 200] == []


def test_chan_websocket_goes_on_after_a_sound_that_was_no_interruption_and_nothing_is_played_twice() -> None:
    async def story(store: Store) -> None:
        chosen = engines(transcriber=Repeater(""))
        async with desk_in(store, entry(greeting=GREETING, silence_s=[]), chosen=chosen) as desk:
            call = SimulatedAsterisk(desk, "asterisk", str(uuid.UUID(int=7)), Delay(0.02, 0.02))

            async def cough(call: SimulatedAsterisk) -> None:
                await call.until(lambda: call.is_playing)
                await asyncio.sleep(2)
                call.say(spoken("slt/turns/07")[: 8 * 180])
                await call.until(lambda: call.pauses == 1)
                assert call.paused
                await call.until(lambda: not call.paused)
                await asyncio.sleep(16)

            await call.run(cough)
            assert call.faults == []
            assert {name.split(":")[0] for name, _ in call.speaker.marks} == {"0"}, "nothing but the greeting"
            heard = [int(name.split(":")[1]) for name, _ in call.speaker.marks]
            steps = [after - before for before, after in itertools.pairwise(heard)]
            assert set(steps) <= {20, *range(1, 20)}, "in order, nothing twice and nothing left out"
            assert max(heard) > 12_000

    steadily(story, run_virtually)
