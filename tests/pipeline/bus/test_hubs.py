"""Two processes' hubs over a bus: what is published at one is heard at both."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from pipeline.bus.bus import Bus
from pipeline.chats.events import ChatChannel, RunName
from pipeline.chats.hub import Hub, chat_channel, profile_channel, user_feed
from pipeline.chats.hub_event import HubEvent
from pipeline.tasks.clock import LoopClock
from tests.pipeline.bus.places import Place, until

pytestmark = pytest.mark.slow

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def told(place: Place, story: Callable[[Hub, Hub], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        buses = [Bus(place.new_transport(), name, LoopClock()) for name in ("one", "two")]
        numbers = count()
        one, two = (Hub(lambda: NOW, lambda: f"event {next(numbers)}", bus) for bus in buses)
        async with buses[0], buses[1]:
            await until(lambda: all(bus.peers for bus in buses))
            await story(one, two)

    asyncio.run(run())


def test_both_hear_the_same(place: Place) -> None:
    async def story(one: Hub, two: Hub) -> None:
        channels = [[chat_channel("chat")], [user_feed("ada")], [chat_channel("chat"), user_feed("ada")]]
        subscriptions = [hub.subscribe(joined) for hub in (one, two) for joined in channels]
        others = [hub.subscribe([chat_channel("other"), user_feed("eve")]) for hub in (one, two)]
        with two.subscribe(["the last of all"]):
            await until(lambda: one.has_subscribers("the last of all", user_id="nobody"))
        said = ChatChannel(one, "chat", "ada")
        said.user_said("m1", "Hello \U0001f600", NOW.isoformat())
        said.reply_began(RunName("run", "group"), "m2", "mo", NOW.isoformat())
        said.reply_ended(RunName("run", "group"), "m2", "Hi", "mo", NOW.isoformat(), truncated=True)
        said.publish("last", {"none": None, "list": [1, 2.5]}, run_id="run", call_id="call")
        heard = [await until_last(subscription) for subscription in subscriptions]
        rooms = [heard[0], heard[3]]
        assert rooms[0] == rooms[1], "the same events, with the same ids and times"
        assert {event.name for event in rooms[0]} == {
            "attempt_user_complete", "attempt_assistant_start", "attempt_assistant_complete", "attempt_complete",
            "last",
        }  # fmt: skip
        feeds = [heard[1], heard[2], heard[4], heard[5]]
        assert all(feed == feeds[0] for feed in feeds), "each once, also by two ways"
        assert {event.channel for event in feeds[0]} == {chat_channel("chat"), profile_channel("ada")}
        for other in others:
            other.close()
            assert await other.next() is None

    told(place, story)


async def until_last(subscription: Any) -> list[HubEvent]:
    heard: list[HubEvent] = []
    async with asyncio.timeout(100):
        while not heard or heard[-1].name != "last":
            heard.append(await subscription.next())
    return heard


def test_audio_goes_where_the_bus_is_made_for_it(place: Place) -> None:
    async def story(one: Hub, two: Hub) -> None:
        carries = place.new_transport().carries_audio
        said = ChatChannel(one, "chat", "ada")
        assert not said.is_heard
        with two.subscribe([chat_channel("chat")]) as room:
            await until(lambda: one.has_subscribers(chat_channel("chat"), user_id="ada"))
            assert said.is_heard == carries
            said.reply_sounded(RunName("run", "group"), bytes(range(256)))
            said.publish("last", {})
            heard = await until_last(room)
        sounds = [event.payload["audio"] for event in heard if "audio" in event.payload]
        assert sounds == ([bytes(range(256))] * 2 if carries else [])
        await until(lambda: not one.has_subscribers(chat_channel("chat"), user_id="ada"))

    told(place, story)


def test_a_watcher_that_may_have_missed_something_is_told_and_a_room_goes_on(place: Place) -> None:
    async def story(one: Hub, two: Hub) -> None:
        watcher, room = two.subscribe([user_feed("ada")], whole=True), two.subscribe([chat_channel("chat")])
        await until(lambda: one.has_subscribers(chat_channel("chat"), user_id="ada"))
        with place.away():
            async with asyncio.timeout(100):
                assert await watcher.next() is None
            assert watcher.overflowed
            again = two.subscribe([user_feed("ada")], whole=True)
            two.publish(chat_channel("chat"), "here", {}, user_id="ada")
            events = [await again.next(), await room.next()]
            assert [event.name for event in events if event] == ["here", "here"], "what happens here is heard"
            two.publish(chat_channel("chat"), "more", {}, user_id="ada")
        async with asyncio.timeout(100):
            while (await again.next()) is not None:
                pass
        assert again.overflowed, "it has missed what happened elsewhere"
        await until(lambda: one.has_subscribers(chat_channel("chat"), user_id="ada"))
        one.publish(chat_channel("chat"), "last", {}, user_id="ada")
        heard = await until_last(room)
        assert [event.name for event in heard] == ["more", "last"]

    told(place, story)
