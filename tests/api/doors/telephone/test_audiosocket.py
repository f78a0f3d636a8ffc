"""AudioSocket, with a stand-in for Asterisk that is as strict as it is, over real TCP."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from api.doors.line import LineRefused
from api.doors.telephone.asterisk import ANNOUNCED_S, AsteriskCalls
from api.doors.telephone.audiosocket import audiosocket
from api.doors.telephone.desk import Desk
from api.doors.telephone.reception import HUMAN
from models.records.telephone import PhoneNumber
from models.store import Store
from pipeline.call.settings import Engines
from pipeline.conversation.tools import Transfer
from pipeline.replay.virtual_time import run_virtually
from tests.api.doors.line.scene import service_in
from tests.api.doors.telephone.scene import CALLER, NUMBER, desk_in, entry, recorded_calls
from tests.pipeline.call.test_leaving import Says
from tests.pipeline.scene import engines, steadily
from tests.servers.asterisk import PATIENCE_S, AudioSocketCall

HANDS_OVER = engines(responder=Says("One moment.", Transfer(HUMAN)))
"""A persona that hands every call over."""

ID = uuid.UUID("6f2b1c1e-8d5f-4f0e-9d55-0a3c7c9d1b10")


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass
class Pbx:
    """A desk with an AudioSocket, as a dialplan sees it."""

    desk: Desk
    calls: AsteriskCalls
    address: tuple[str, int]

    def call(
        self, call_id: uuid.UUID = ID, *, announced: bool = True, talks: bool = True
    ) -> AbstractAsyncContextManager[AudioSocketCall]:
        """Announce a call, and connect."""
        if announced:
            self.calls.announce(str(call_id), CALLER, NUMBER)
        return AudioSocketCall.connected(self.address, call_id, talks=talks)

    async def free(self) -> None:
        """Wait until no call is left."""
        await eventually(lambda: not len(self.desk) and not len(self.desk.service.calls))


@asynccontextmanager
async def pbx(
    store: Store,
    *entries: PhoneNumber,
    only_announced: bool = False,
    most: int = 10,
    chosen: Engines | None = None,
) -> AsyncIterator[Pbx]:
    async with service_in(store, chosen) as service, Desk(service) as desk:
        service.ready.set()
        for one in entries or (entry(),):
            await store.add_phone_number(one)
        calls = AsteriskCalls(desk, only_announced=only_announced)
        async with audiosocket(("127.0.0.1", 0), desk, calls, most) as address:
            yield Pbx(desk, calls, address)


def told(story: Callable[[Store], Awaitable[None]]) -> None:
    steadily(story, asyncio.run)


def tone(seconds: float, level: int = 6000) -> bytes:
    at = np.arange(int(8000 * seconds))
    return (level * np.sin(2 * np.pi * 300 * at / 8000)).astype("<i2").tobytes()


def test_a_call_is_greeted_at_the_pace_of_its_channel() -> None:
    """Twenty milliseconds each: Asterisk keeps nothing, and a burst would be noise."""

    async def story(store: Store) -> None:
        async with pbx(store) as here:
            async with here.call() as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 50)
                assert {len(pcm) for _, pcm in asterisk.played} == {320}
                begun, frames = asterisk.played[0][0], len(asterisk.played)
                ahead = [number * 0.02 - (at - begun) for number, (at, _) in enumerate(asterisk.played)]
                assert max(ahead) < 0.06, "never more than two frames ahead"
                assert frames > 50
                assert asterisk.faults == []
            await here.free()
            (call,) = await recorded_calls(store)
            assert (call.line, call.carrier_id, call.caller, call.called) == ("audiosocket", str(ID), CALLER, NUMBER)
            assert call.reason == "caller"

    told(story)


def test_silence_flows_from_the_connection_on_and_all_the_time() -> None:
    """Some versions send nothing before they get something, and two silent seconds end the call."""

    async def story(store: Store) -> None:
        async with pbx(store) as here, AudioSocketCall.connected(here.address, talks=False) as asterisk:
            await asterisk.until(lambda: len(asterisk.played) > 10)
            assert asterisk.loud() == 0
            here.calls.announce(str(ID), CALLER, NUMBER)
            asterisk.frame(0x01, ID.bytes)
            await asterisk.until(lambda: asterisk.loud() > 10)
            gaps = [later - earlier for (earlier, _), (later, _) in pairwise(asterisk.played)]
            assert max(gaps) < 1.9
            assert asterisk.faults == []

    told(story)


def test_a_frame_of_hang_up_and_a_closed_connection_free_everything() -> None:
    async def story(store: Store) -> None:
        async with pbx(store) as here:
            async with here.call() as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 0)
                asterisk.frame(0x00)
                await here.free()
            async with here.call(uuid.uuid4()) as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 0)
            await here.free()
            assert [call.reason for call in await recorded_calls(store)] == ["caller", "caller"]

    told(story)


@pytest.mark.slow
def test_who_says_nothing_is_asked_and_then_hung_up_on() -> None:
    async def story(store: Store) -> None:
        async with pbx(store, entry(silence_s=[1, 1])) as here, here.call() as asterisk:
            await asterisk.until(asterisk.over.is_set)
            assert asterisk.hung_up, "the dialplan goes on"
            assert asterisk.faults == []
            await here.free()
            assert [call.reason for call in await recorded_calls(store)] == ["silence"]

    told(story)


def test_keys_and_unknown_frames() -> None:
    """A key interrupts the persona and is a typed message; a type of a later version is nothing."""

    async def story(store: Store) -> None:
        async with pbx(store) as here, here.call() as asterisk:
            await asterisk.until(lambda: asterisk.loud() > 5)
            for kind in (0x02, 0x04, 0x20, 0x7F):
                asterisk.frame(kind, b"123456")
            asterisk.frame(0x03, b"x")
            asterisk.frame(0x03)
            asterisk.frame(0x10)
            for key in "42#":
                asterisk.press(key)
            reception = here.desk.reception_of("audiosocket", str(ID))
            assert reception is not None
            assert reception.call is not None
            chat_id = reception.call.session.conversation.chat_id
            async with asyncio.timeout(PATIENCE_S):
                while not any("42" in one.text.replace(" ", "") for one in await store.messages(chat_id)):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert asterisk.faults == []

    told(story)


@pytest.mark.parametrize("first", [(0x01, b"short"), (0x01, b""), (0x00, b""), (0xFF, b"\x01"), (0x7F, b"x" * 60_000)])
def test_what_begins_with_no_uuid_is_no_call(first: tuple[int, bytes]) -> None:
    async def story(store: Store) -> None:
        async with pbx(store) as here:
            async with AudioSocketCall.connected(here.address, talks=False) as asterisk:
                asterisk.frame(*first)
                if first[0] not in (0x00, 0x01):
                    asterisk.frame(0x00)
                await asterisk.until(asterisk.over.is_set)
                assert asterisk.faults == []
            assert len(here.desk) == 0
            assert await recorded_calls(store) == []

    told(story)


@pytest.mark.slow
def test_a_start_that_never_comes_is_waited_for_5_seconds() -> None:
    async def story(store: Store) -> None:
        async with pbx(store) as here, AudioSocketCall.connected(here.address) as asterisk:
            await asterisk.until(asterisk.over.is_set)
            assert asterisk.hung_up
            assert 150 < len(asterisk.played) < 400, "silence for five seconds"

    told(story)


def test_only_announced_calls_where_that_is_asked_for() -> None:
    async def story(store: Store) -> None:
        async with pbx(store, only_announced=True) as here:
            async with here.call(announced=False) as asterisk:
                await asterisk.until(asterisk.over.is_set)
                assert asterisk.hung_up
            async with here.call() as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 0)
            await here.free()
            async with here.call(announced=False) as asterisk:
                await asterisk.until(asterisk.over.is_set)

    told(story)


def test_an_unannounced_call_is_that_of_the_number_for_all_others() -> None:
    async def story(store: Store) -> None:
        async with pbx(store, entry(number="*")) as here:
            async with here.call(announced=False) as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 0)
            await here.free()
            (call,) = await recorded_calls(store)
            assert (call.number, call.caller) == ("*", "")

    told(story)


def test_ten_thousand_frames_at_once_end_the_connection_and_nothing_else() -> None:
    async def story(store: Store) -> None:
        async with pbx(store) as here, here.call() as good:
            await good.until(lambda: good.loud() > 0)
            other = uuid.uuid4()
            async with here.call(other) as flood:
                await flood.until(lambda: flood.loud() > 0)
                for _ in range(10_000):
                    flood.frame(0x10, bytes(320))
                await flood.until(flood.over.is_set)
            heard = good.loud()
            await good.until(lambda: good.loud() > heard or len(good.played) > 500)
            assert good.faults == []
            assert not good.over.is_set()

    told(story)


def test_more_connections_than_there_may_be_are_closed() -> None:
    async def story(store: Store) -> None:
        async with (
            pbx(store, most=1) as here,
            here.call() as first,
            AudioSocketCall.connected(here.address, uuid.uuid4()) as second,
        ):
            await second.until(second.over.is_set)
            await first.until(lambda: first.loud() > 0)

    told(story)


@pytest.mark.slow
def test_a_transfer_leaves_the_connection_and_comes_back_when_nobody_answers() -> None:
    """The dialplan asks whom to call, calls, and brings the call back by its UUID."""

    async def story(store: Store) -> None:
        async with pbx(store, entry(human="+15557770000"), chosen=HANDS_OVER) as here:
            async with here.call() as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 5)
                reception = here.desk.reception_of("audiosocket", str(ID))
                assert reception is not None
                asterisk.press("5")
                await asterisk.until(asterisk.over.is_set)
                assert asterisk.hung_up
            assert here.calls.next_of(str(ID)) == "+15557770000"
            assert here.calls.next_of(str(ID)) == "", "once"
            async with here.call(announced=False) as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 5)
                assert here.desk.reception_of("audiosocket", str(ID)) is reception, "the same call"
                asterisk.frame(0x00)
                await here.free()
            assert len(await recorded_calls(store)) == 1

    told(story)


@pytest.mark.slow
def test_a_transfer_that_is_answered_is_over_when_the_dialplan_says_so() -> None:
    async def story(store: Store) -> None:
        async with pbx(store, entry(human="+15557770000"), chosen=HANDS_OVER) as here:
            async with here.call() as asterisk:
                await asterisk.until(lambda: asterisk.loud() > 5)
                asterisk.press("5")
                await asterisk.until(asterisk.over.is_set)
            await here.calls.over("audiosocket", str(ID))
            await here.free()
            assert [call.reason for call in await recorded_calls(store)] == ["transfer"]

    told(story)


def test_an_announcement_is_good_for_half_a_minute_and_there_are_only_so_many() -> None:
    async def story(store: Store) -> None:
        async with desk_in(store, entry()) as desk:
            calls = AsteriskCalls(desk, only_announced=True)
            calls.announce("a", CALLER, NUMBER)
            calls.announce("b", CALLER, NUMBER)
            await asyncio.sleep(ANNOUNCED_S - 1)
            assert calls.incoming("audiosocket", "a").caller == CALLER
            await asyncio.sleep(2)
            with pytest.raises(LineRefused):
                calls.incoming("audiosocket", "b")
            for number in range(3_000):
                calls.announce(f"call-{number}", "", "")
                calls.go_on(f"call-{number}", "1")
            assert len(calls._announced) == len(calls._next) == 1_000

    steadily(story, run_virtually)
