"""Rooms: who hears what, and what becomes of a listener that does not read."""

import asyncio
from datetime import UTC, datetime
from itertools import count

from pipeline.chats.hub import WAITING_LIMIT, Hub, chat_channel, user_feed


def new_hub() -> Hub:
    numbers = count()
    return Hub(lambda: datetime(2030, 1, 1, tzinfo=UTC), lambda: str(next(numbers)))


def test_only_who_has_joined_hears() -> None:
    async def story() -> None:
        hub = new_hub()
        with hub.subscribe([chat_channel("one")]) as one, hub.subscribe() as other:
            other.join(chat_channel("two"))
            hub.publish(chat_channel("one"), "first", {"n": 1}, user_id="ada")
            hub.publish(chat_channel("two"), "second", {"n": 2}, user_id="ada", run_id="r")
            hub.publish(chat_channel("three"), "third", {}, user_id="ada")
            other.leave(chat_channel("two"))
            hub.publish(chat_channel("two"), "fourth", {}, user_id="ada")
            heard = [await one.next(), await other.next()]
            assert [(event.name, event.run_id) for event in heard if event] == [("first", None), ("second", "r")]
        assert len(hub) == 0
        assert [await one.next(), await other.next()] == [None, None]

    asyncio.run(story())


def test_a_feed_has_everything_of_one_user_once() -> None:
    async def story() -> None:
        hub = new_hub()
        with hub.subscribe([user_feed("ada"), chat_channel("one")]) as feed:
            hub.publish(chat_channel("one"), "mine", {}, user_id="ada")
            hub.publish(chat_channel("two"), "mine too", {}, user_id="ada")
            hub.publish(chat_channel("two"), "not mine", {}, user_id="bob")
            feed.close()
            assert [event.name async for event in feed] == ["mine", "mine too"]

    asyncio.run(story())


def test_who_does_not_read_is_let_go_and_nobody_waits() -> None:
    async def story() -> None:
        hub = new_hub()
        slow, quick = hub.subscribe(["room"]), hub.subscribe(["room"])
        for number in range(WAITING_LIMIT + 5):
            hub.publish("room", str(number), {}, user_id="ada")
            assert (await quick.next()) is not None
        assert (slow.overflowed, slow.closed, quick.overflowed) == (True, True, False)
        assert len([event async for event in slow]) == WAITING_LIMIT - 1
        slow.join("room")
        assert slow.joined == frozenset()
        quick.close()
        quick.close()
        assert len(hub) == 0

    asyncio.run(story())


def test_joining_a_thousand_times_is_joining_once() -> None:
    async def story() -> None:
        hub = new_hub()
        with hub.subscribe() as listener:
            for _ in range(1000):
                listener.join("room")
            hub.publish("room", "said", {}, user_id="ada")
            listener.close()
            assert [event.name async for event in listener] == ["said"]

    asyncio.run(story())


def test_whether_anybody_would_hear_is_known_before_anything_is_made() -> None:
    hub = new_hub()
    assert not hub.has_subscribers("room", user_id="ada")
    with hub.subscribe(["room"]):
        assert hub.has_subscribers("room", user_id="ada")
        assert not hub.has_subscribers("another", user_id="ada")
    with hub.subscribe([user_feed("ada")]):
        assert hub.has_subscribers("room", user_id="ada")
        assert not hub.has_subscribers("room", user_id="bob")
    assert not hub.has_subscribers("room", user_id="ada")
