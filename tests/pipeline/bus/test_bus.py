"""What every transport of the bus must do: the same stories over PostgreSQL and over Redis."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pipeline.bus.bus import Bus
from pipeline.bus.packets import MESSAGE_LIMIT, BusMessage
from pipeline.bus.redis import RedisTransport
from pipeline.bus.transport import EVERYBODY
from pipeline.tasks.clock import LoopClock
from tests.pipeline.bus.places import WAIT_S, Place, until
from tests.servers.redis import redis_running

pytestmark = pytest.mark.slow


class Process:
    """One process's bus, and what it has heard."""

    def __init__(self, place: Place, name: str) -> None:
        self.bus = Bus(place.new_transport(), name, LoopClock())
        self.bus.observer = self
        self.heard: list[BusMessage] = []
        self.gaps = 0
        self.lags: list[float] = []
        self.dropped = 0
        self.bus.on("event", self.heard.append)
        self.bus.when_gap(self._gap)

    def _gap(self) -> None:
        self.gaps += 1

    def bus_lagged(self, seconds: float) -> None:
        self.lags.append(seconds)

    def bus_dropped(self, messages: int) -> None:
        self.dropped += messages


def told(place: Place, story: Callable[[Process, Process, Process], Coroutine[Any, Any, None]]) -> None:
    """Tell the story of three processes that know each other."""

    async def run() -> None:
        one, two, three = (Process(place, name) for name in ("one-1", "two-2", "three-3"))
        async with one.bus, two.bus, three.bus:
            every = (one, two, three)
            await until(lambda: all(len(process.bus.peers) == 2 for process in every))
            await story(one, two, three)

    asyncio.run(run())


def test_who_wants_a_topic_gets_its_messages_in_order_and_nobody_else_does(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        two.bus.want("room")
        three.bus.want("another room")
        await until(lambda: one.bus.wanted(["room"]) and one.bus.wanted(["another room"]))
        assert not two.bus.wanted(["room"]), "it is the only one that wants it"
        for number in range(200):
            one.bus.publish(["room", "feed"], "event", {"n": number, "text": "Grüß \U0001f600 \x00 \u2028 you"})
        one.bus.publish(["another room"], "event", {"n": -1})
        await until(lambda: len(two.heard) == 200 and three.heard)
        assert [message.body["n"] for message in two.heard] == list(range(200))
        assert {message.body["text"] for message in two.heard} == {"Grüß \U0001f600 \x00 \u2028 you"}
        assert {(message.sender, message.kind) for message in two.heard} == {("one-1", "event")}
        assert [message.body["n"] for message in three.heard] == [-1]
        two.bus.unwant("room")
        await until(lambda: not one.bus.wanted(["room"]))
        one.bus.publish(["room"], "event", {"n": 200})
        one.bus.publish(["another room"], "event", {"n": -2})
        await until(lambda: len(three.heard) == 2)
        assert (len(two.heard), one.heard, two.gaps, three.gaps) == (200, [], 0, 0)

    told(place, story)


def test_what_is_settled_is_known_to_the_others(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        for number in range(20):
            two.bus.want(f"room {number}")
            async with asyncio.timeout(WAIT_S):
                await two.bus.settled()
        # The others have read it, or have it in their sockets: nothing that they hear later comes before it.
        two.bus.tell("one-1", "mark", {})
        marked = asyncio.Event()
        one.bus.on("mark", lambda _: marked.set())
        two.bus.tell("one-1", "mark", {})
        await marked.wait()
        assert all(one.bus.wanted([f"room {number}"]) for number in range(20))

    told(place, story)


@pytest.mark.parametrize("size", [7_000, 8_000, 20_000, MESSAGE_LIMIT - 1_000])
def test_a_message_of_any_size_comes_whole(place: Place, size: int) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        two.bus.want("room")
        await until(lambda: one.bus.wanted(["room"]))
        one.bus.publish(["room"], "event", {"text": "x" * size})
        one.bus.publish(["room"], "event", {"text": "short"})
        await until(lambda: len(two.heard) == 2)
        assert [len(message.body["text"]) for message in two.heard] == [size, 5]
        assert (two.gaps, one.dropped) == (0, 0)

    told(place, story)


def test_audio_comes_as_it_was(place: Place) -> None:
    if not place.new_transport().carries_audio:
        pytest.skip("PostgreSQL carries no audio")

    async def story(one: Process, two: Process, three: Process) -> None:
        two.bus.want("room")
        await until(lambda: one.bus.wanted(["room"]))
        sound = bytes(range(256)) * 100
        one.bus.publish(["room"], "event", {"blobs": [["audio", len(sound)]]}, sound)
        await until(lambda: two.heard)
        assert two.heard[0].data == sound

    told(place, story)


def test_too_much_at_once_is_dropped_and_said(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        two.bus.want("room")
        await until(lambda: one.bus.wanted(["room"]))
        for number in range(10):
            one.bus.publish(["room"], "event", {"n": number, "text": "x" * (MESSAGE_LIMIT // 2)})
        one.bus.publish(["room"], "event", {"text": "x" * MESSAGE_LIMIT})
        await until(lambda: two.gaps)
        assert (one.dropped, three.gaps) == (4, 0)
        one.bus.publish(["room"], "event", {"n": "last"})
        await until(lambda: two.heard and two.heard[-1].body["n"] == "last")
        assert [message.body["n"] for message in two.heard] == [0, 1, 2, 3, 4, 5, 6, "last"]

    told(place, story)


def test_one_is_told_or_everybody(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        heard: list[tuple[str, Any]] = []
        for process in (one, two, three):
            process.bus.on("stop", lambda message, process=process: heard.append((process.bus.name, message.body)))
        assert one.bus.tell("two-2", "stop", {"run": 1})
        await until(lambda: heard)
        assert two.bus.tell(EVERYBODY, "stop", {"run": 2})
        await until(lambda: len(heard) == 3)
        assert heard[0] == ("two-2", {"run": 1})
        assert sorted(heard[1:]) == [("one-1", {"run": 2}), ("three-3", {"run": 2})], "not who sent it"

    told(place, story)


def test_who_leaves_is_forgotten_at_once_and_who_comes_learns_everything(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        one.bus.want("room")
        late = Process(place, "late-4")
        async with late.bus:
            await until(lambda: late.bus.wanted(["room"]) and "late-4" in one.bus.peers)
        await until(lambda: "late-4" not in one.bus.peers)
        assert one.gaps == 0

    told(place, story)


def test_the_server_goes_and_all_goes_on_within_seconds_of_its_return(place: Place) -> None:
    async def story(one: Process, two: Process, three: Process) -> None:
        loop = asyncio.get_running_loop()
        two.bus.want("room")
        await until(lambda: one.bus.wanted(["room"]) and all(process.lags for process in (one, two, three)))
        with place.away():
            await until(lambda: not any(process.bus.connected for process in (one, two, three)))
            assert one.gaps == two.gaps == three.gaps == 1
            one.bus.publish(["room"], "event", {"n": "lost"})
            assert not one.bus.tell("two-2", "stop", {})
            async with asyncio.timeout(1):
                await two.bus.settled()
            two.bus.want("another room")
        back_at = loop.time()
        await until(lambda: one.bus.wanted(["room"]) and one.bus.wanted(["another room"]))
        took_s = loop.time() - back_at
        one.bus.publish(["room"], "event", {"n": "heard"})
        await until(lambda: two.heard)
        assert [message.body["n"] for message in two.heard] == ["heard"]
        assert two.gaps >= 2, "what was missed meanwhile is said after the return, too"
        assert took_s < 5, took_s

    told(place, story)


def test_a_server_that_takes_everything_and_answers_nothing_is_noticed() -> None:
    with redis_running() as redis:
        place = Place(lambda: RedisTransport(redis.url), redis.away)

        async def story(one: Process, two: Process, three: Process) -> None:
            two.bus.want("room")
            await until(lambda: one.bus.wanted(["room"]))
            with redis.frozen():
                await until(lambda: one.gaps and two.gaps and three.gaps)
            await until(lambda: one.bus.wanted(["room"]))
            one.bus.publish(["room"], "event", {})
            await until(lambda: two.heard)

        told(place, story)
