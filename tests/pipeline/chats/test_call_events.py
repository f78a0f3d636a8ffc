"""What a call's room is told of a reply's audio: all of it, the rest of it, or nothing, as somebody listens."""

from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from models.records.core import Message
from models.store import Store
from pipeline.call.session import SessionSettings
from pipeline.chats.call_events import CHANNEL_AUDIO, CallPublisher
from pipeline.chats.hub import Hub, Subscription, chat_channel, profile_channel, user_feed
from pipeline.conversation.events import ReplyAudio, ReplyEnded, TurnLatency
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import Scene, opened, steadily
from tests.voice.sound import recording
from voice.audio.outlet import AudioOutlet

RATE_HZ = 16_000
"""Not the room's rate: what an outlet took before would be in what it gives next."""

Story = Callable[[Scene, Hub], Awaitable[None]]


def played_out(story: Story) -> list[Message]:
    """Play a story with a call in which the persona begins to greet, and the hub where its events are published.

    Returns what is stored in the end.
    """

    async def played(store: Store) -> list[Message]:
        hub = Hub(store.now, lambda: "event")
        async with (
            opened(store, settings=SessionSettings(output_rate_hz=RATE_HZ)) as scene,
            CallPublisher(scene.calls, store, hub, LoopClock()) as followers,
        ):
            followers.follow(scene.call)
            scene.call.session.greet()
            await story(scene, hub)
        return list(await store.messages(scene.call.session.conversation.chat_id))

    stored: list[Message] = steadily(played, run_virtually)
    return stored


def channel_of(scene: Scene) -> str:
    return chat_channel(scene.call.session.conversation.chat_id)


async def audio_of(subscription: Subscription, name: str = "attempt_assistant_audio") -> list[bytes]:
    """The audio that a listener was told; it leaves."""
    subscription.close()
    return [event.payload["audio"] async for event in subscription if event.name == name]


def encoded(blocks: list[ReplyAudio], *, to_the_end: bool = True) -> list[bytes]:
    """What an outlet that has taken nothing else makes of these blocks."""
    outlet = AudioOutlet(CHANNEL_AUDIO, RATE_HZ)
    packets = [packet for block in blocks for packet in outlet.packets(block.audio)]
    return packets + outlet.flush() if to_the_end else packets


def test_who_listens_from_the_beginning_hears_all_of_it() -> None:
    async def story(scene: Scene, hub: Hub) -> None:
        listener = hub.subscribe([channel_of(scene)])
        await scene.until(ReplyEnded)
        assert await audio_of(listener) == encoded(scene.of(ReplyAudio))

    played_out(story)


@pytest.mark.parametrize("heard_before", [False, True], ids=["nobody before", "somebody before"])
def test_who_joins_in_the_middle_hears_the_rest_and_nothing_of_what_nobody_heard(heard_before: bool) -> None:
    async def story(scene: Scene, hub: Hub) -> None:
        first = hub.subscribe([channel_of(scene)] if heard_before else [])
        await scene.until(ReplyAudio)
        await scene.until(ReplyAudio)
        early = scene.of(ReplyAudio)
        assert await audio_of(first) == (encoded(early, to_the_end=False) if heard_before else [])
        assert not hub.has_subscribers(channel_of(scene), user_id=scene.call.user_id)
        for _ in range(3):
            await scene.until(ReplyAudio)
        before = len(scene.of(ReplyAudio))
        with hub.subscribe([channel_of(scene)]) as late:
            await scene.until(ReplyEnded)
            rest = scene.of(ReplyAudio)[before:]
            assert len(rest) > 3
            assert await audio_of(late) == encoded(rest)

    played_out(story)


def test_the_latency_of_a_turn_is_stored_with_its_answer() -> None:
    told: list[TurnLatency] = []

    async def story(scene: Scene, hub: Hub) -> None:
        await scene.until(ReplyEnded)
        await scene.say(np.concatenate([recording("slt/turns/01"), np.zeros(32_000, np.int16)]))
        told.append(await scene.until(TurnLatency))
        await scene.until(ReplyEnded)

    greeting, asked, answer = played_out(story)
    assert answer.latency == told[0].stages
    assert answer.latency["voice_to_voice_ms"] >= answer.latency["endpoint_ms"] > 0
    assert greeting.latency is asked.latency is None


@pytest.mark.parametrize("channel", [profile_channel, user_feed])
def test_the_owner_hears_it_without_having_joined_the_chat(channel: Callable[[str], str]) -> None:
    async def story(scene: Scene, hub: Hub) -> None:
        owner = hub.subscribe([channel(scene.call.user_id)])
        await scene.until(ReplyEnded)
        assert await audio_of(owner, "attempt.chat.assistant_audio") == encoded(scene.of(ReplyAudio))

    played_out(story)


def test_the_length_that_is_told_is_that_of_the_audio_that_was() -> None:
    async def story(scene: Scene, hub: Hub) -> None:
        for _ in range(4):
            await scene.until(ReplyAudio)
        late = hub.subscribe([profile_channel(scene.call.user_id)])
        await scene.until(ReplyEnded)
        late.close()
        events = [event async for event in late]
        told = b"".join(event.payload["audio"] for event in events if event.name == "attempt.chat.assistant_audio")
        (complete,) = [event for event in events if event.name == "attempt.chat.assistant_audio.complete"]
        assert complete.payload["duration_ms"] == len(told) // (2 * CHANNEL_AUDIO.rate_hz // 1000)

    played_out(story)
