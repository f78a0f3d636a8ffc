"""A port's services, by a client written from the protocol's description alone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.api.doors.wyoming.peer import Event, Peer, connected
from tests.service import WAIT_S, RunningService, quiet, unhearing
from tests.voice.sound import recording
from voice.audio.resample import Resampler

Story = Callable[[Peer], Awaitable[None]]

SAID = "slt/clinic/01"
"""Hello, my name is Alice, and I am your nurse today."""


def by(port: int, story: Story) -> None:
    async def run() -> None:
        async with connected(port) as peer:
            await story(peer)

    asyncio.run(run())


def texts(events: list[Event], kind: str) -> list[str]:
    return [event.data["text"] for event in events if event.type == kind]


# ------------------------------------------------------------------ describe


def test_each_port_describes_one_persona(home: RunningService) -> None:
    async def story() -> list[dict[str, Any]]:
        described = []
        for open_port in home.app.state.wyoming_ports:
            async with connected(open_port.number) as peer:
                await peer.send("describe")
                described.append((await peer.until("info"))[-1].data)
        return described

    first, second = asyncio.run(story())
    assert set(first) == {"asr", "tts", "handle", "intent", "wake", "mic", "snd"}  # a satellite would hide the rest
    assert [first["handle"][0]["name"], second["handle"][0]["name"]] == ["Dana Whitfield", "Ruth Penhallow"]
    asr, tts, handle = second["asr"][0], second["tts"][0], second["handle"][0]
    for one in (asr, tts, handle, *asr["models"], *tts["voices"], *handle["models"]):
        assert set(one["attribution"]) == {"name", "url"}
        assert one["installed"] is True
        assert one["name"]
        assert one["description"]
        assert one["version"]
    for one in (*asr["models"], *tts["voices"], *handle["models"]):
        assert one["languages"]
    assert asr["supports_transcript_streaming"]
    assert tts["supports_synthesize_streaming"]
    assert handle["supports_handled_streaming"]
    assert not handle["supports_home_control"]
    assert tts["voices"][0]["name"] == "ruth-penhallow"
    assert len({voice["name"] for voice in tts["voices"]}) == len(tts["voices"]) > 2


# ------------------------------------------------------------ speech to text


def test_a_recording_is_transcribed_as_it_comes_and_the_pieces_are_the_transcript(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("transcribe", {"language": "en"})
        await peer.speak(np.concatenate([recording(SAID), quiet(300)]))
        events = await peer.until("transcript-stop")
        kinds = [event.type for event in events]
        assert kinds[0] == "transcript-start"
        assert kinds[-2:] == ["transcript", "transcript-stop"]
        (text,) = texts(events, "transcript")
        assert "my name is alice" in text
        assert events[-2].data["language"] == "en"
        assert "".join(texts(events, "transcript-chunk")) == text

    by(port, story)


def test_two_utterances_on_one_connection_and_one_without_a_start(port: int) -> None:
    async def story(peer: Peer) -> None:
        for start in (True, False):
            await peer.speak(recording(SAID), start=start)
            assert "alice" in texts(await peer.until("transcript-stop"), "transcript")[0]

    by(port, story)


def test_nobody_spoke_is_an_answer(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.speak(quiet(2000))
        assert texts(await peer.until("transcript-stop"), "transcript") == [""]
        await peer.send("audio-stop")
        assert texts(await peer.until("transcript-stop"), "transcript") == [""]

    by(port, story)


@pytest.mark.parametrize(("rate", "width", "channels"), [(24_000, 2, 1), (48_000, 4, 2), (22_050, 1, 1)])
def test_other_rates_widths_and_channels_are_understood(port: int, rate: int, width: int, channels: int) -> None:
    async def story(peer: Peer) -> None:
        resampler = Resampler(16_000, rate)
        audio = np.concatenate([resampler.process(recording(SAID)), resampler.flush()])
        wide = {1: audio // 256, 2: audio, 4: audio.astype(np.int32) << 16}[width]
        await peer.speak(np.repeat(wide.astype(f"<i{width}"), channels), rate, width, channels)
        assert "nurse" in texts(await peer.until("transcript-stop"), "transcript")[0]

    by(port, story)


def test_a_telephone_s_rate_is_resampled(tmp_path: Path) -> None:
    async def story(peer: Peer) -> None:
        resampler = Resampler(16_000, 8_000)
        await peer.speak(resampler.process(recording(SAID)), 8_000)
        assert texts(await peer.until("transcript-stop"), "transcript")[0]

    with unhearing(tmp_path, wyoming="0") as service:  # the embedded recogniser does not understand it
        by(service.app.state.wyoming_ports[0].number, story)


def test_a_command_ends_by_its_silence_where_that_is_asked_for(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("transcribe", {"vad_sensitivity": "default"})
        shape = {"rate": 16_000, "width": 2, "channels": 1}
        await peer.send("audio-start", shape)
        for part in (recording(SAID), quiet(1500)):
            for at in range(0, len(part), 1024):
                await peer.send("audio-chunk", shape, part[at : at + 1024].tobytes())
        assert "alice" in texts(await peer.until("transcript-stop"), "transcript")[0]  # without audio-stop
        await peer.send("audio-chunk", shape, recording(SAID).tobytes())
        await peer.send("audio-stop")
        await peer.send("ping", {"text": "on"})
        assert [event.type for event in await peer.until("pong")] == ["pong"]  # what came later was ignored

    by(port, story)


def test_who_leaves_without_reading_disturbs_nobody(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.speak(recording(SAID))
        await peer.close()
        async with connected(port) as other:
            await other.send("describe")
            await other.until("info")

    by(port, story)


# ------------------------------------------------------------ text to speech


def test_a_text_is_spoken_with_one_format(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("synthesize", {"text": "Hello there. How are you?", "voice": {"name": "ruth-penhallow"}})
        events = await peer.until("audio-stop")
        assert [event.type for event in events[:2]] == ["audio-start", "audio-chunk"]
        shapes = {json.dumps({k: v for k, v in event.data.items() if k != "timestamp"}) for event in events[:-1]}
        assert shapes == {'{"rate": 22050, "width": 2, "channels": 1}'}
        assert {len(event.payload) for event in events[1:-2]} == {2048}
        sound = b"".join(event.payload for event in events)
        assert len(sound) > 22_050
        assert events[-1].data["timestamp"] == len(sound) // 2 * 1000 // 22_050

    by(port, story)


def test_a_streamed_text_is_spoken_once_although_it_comes_twice(port: int) -> None:
    text = "I drove the bus for thirty years. \U0001f600 It was **cold**, and I liked it."

    async def spoken(peer: Peer, streamed: bool) -> bytes:
        if streamed:
            await peer.send("synthesize-start", {"voice": {"name": "ruth-penhallow"}})
            for at in range(0, len(text), 3):
                await peer.send("synthesize-chunk", {"text": text[at : at + 3]})
            await peer.send("synthesize", {"text": text})
            await peer.send("synthesize-stop")
            events = await peer.until("synthesize-stopped")
        else:
            await peer.send("synthesize", {"text": text})
            events = await peer.until("audio-stop")
        assert [event.type for event in events].count("audio-start") == 1
        return b"".join(event.payload for event in events)

    async def story(peer: Peer) -> None:
        whole = await spoken(peer, False)
        assert await spoken(peer, True) == whole

    by(port, story)


def test_the_first_words_sound_before_the_text_is_written(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("synthesize-start")
        await peer.send("synthesize-chunk", {"text": "This is the first sentence. And here is more"})
        await peer.until("audio-chunk")
        await peer.send("synthesize-chunk", {"text": " of it."})
        await peer.send("synthesize-stop")
        await peer.until("synthesize-stopped")

    by(port, story)


def test_half_a_character_waits_for_its_other_half(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("synthesize-start")
        for half in ("Well \ud83d", "\ude00 done."):
            await peer.send("synthesize-chunk", {"text": half})
        await peer.send("synthesize-stop")
        assert sum(len(event.payload) for event in await peer.until("synthesize-stopped")) > 10_000

    by(port, story)


@pytest.mark.parametrize("text", ["", " \n", "\U0001f600", "<speak></speak>"])
def test_nothing_to_say_is_no_audio(port: int, text: str) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("synthesize", {"text": text, "text_format": "ssml"})
        assert [event.type for event in await peer.until("audio-stop")] == ["audio-start", "audio-stop"]

    by(port, story)


def test_a_ping_is_answered_while_audio_plays(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("synthesize", {"text": "This is a long sentence that goes on for a while. " * 20})
        await peer.until("audio-chunk")
        await peer.send("ping", {"text": "there?"})
        events = await peer.until("pong")
        assert events[-1].data == {"text": "there?"}
        assert "audio-stop" not in [event.type for event in events]
        await peer.until("audio-stop")

    by(port, story)


# -------------------------------------------------------------- conversation


async def answered(peer: Peer, text: str, conversation: str | None = None) -> list[Event]:
    context = {"conversation_id": conversation, "device_id": "d"} if conversation else None
    await peer.send("transcript", {"text": text} | ({"context": context} if context else {}))
    return await peer.until("handled-stop")


def test_a_sentence_is_answered_as_it_is_written_and_whole(port: int) -> None:
    async def story(peer: Peer) -> None:
        events = await answered(peer, "How are you feeling today?", "one")
        assert [events[0].type, events[-2].type] == ["handled-start", "handled"]
        (text,) = texts(events, "handled")
        assert "".join(texts(events, "handled-chunk")) == text
        assert len(texts(events, "handled-chunk")) > 1
        assert events[-2].data["context"] == {"conversation_id": "one", "device_id": "d"}

    by(port, story)


def test_a_conversation_is_one_chat_over_connections_and_a_new_id_is_a_new_attempt(
    home: RunningService, port: int
) -> None:
    async def chat_and_lines() -> tuple[str, list[str]]:
        store = home.inside.store
        chat = await store.last_chat((await store.user_named("home")).id)
        return chat.id, [line.text for line in await store.messages(chat.id) if line.role == "user"]

    async def story() -> None:
        chats = []
        for conversation, sentence in [("a", "Are you afraid?"), ("a", "And why is that?"), ("b", "Hello.")]:
            async with connected(port) as peer:
                await answered(peer, sentence, f"chat-{conversation}")
            chats.append(asyncio.run_coroutine_threadsafe(chat_and_lines(), home.loop).result(WAIT_S))
        (first, _), (second, lines), (third, others) = chats
        assert first == second != third
        assert lines == ["Are you afraid?", "And why is that?"]
        assert others == ["Hello."]

    asyncio.run(story())


def test_a_conversation_that_has_ended_goes_on_in_a_new_chat(home: RunningService, port: int) -> None:
    async def story(peer: Peer) -> None:
        await answered(peer, "Are you afraid?", "ending")

        async def end() -> None:
            store = home.inside.store
            user = await store.user_named("home")
            chat = await store.last_chat(user.id)
            await store.complete_chat(chat.id)

        asyncio.run_coroutine_threadsafe(end(), home.loop).result(WAIT_S)
        assert texts(await answered(peer, "Are you afraid?", "ending"), "handled")[0]

    by(port, story)


def test_nothing_said_is_not_handled_with_a_sentence(port: int) -> None:
    async def story(peer: Peer) -> None:
        await peer.send("transcript", {"text": " "})
        assert "say that again" in texts(await peer.until("not-handled"), "not-handled")[0]

    by(port, story)
