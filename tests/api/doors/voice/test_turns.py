"""Whole turns over the real websocket: recordings go in, words and the persona's voice come out."""

import asyncio
from typing import Any

import numpy as np
import pytest

from tests import hearing
from tests.service import Client, RunningService, quiet
from tests.voice.corpus import corpus
from tests.voice.sound import recording
from voice.stt.word_error import WordErrors, word_errors

PRACTICES = {
    "records-office": "The worried parent",
    "repair-desk": "The annoyed customer",
    "clinic": "The nervous patient",
}
SAID = {line.name: line.text for line in corpus()}


def samples_of(client: Client, turn: int | None = None) -> np.ndarray:
    return np.frombuffer(client.sound(turn), "<i2")


async def turn(client: Client, name: str, *, hear_out: bool = True) -> dict[str, Any]:
    """Say a line and wait until its answer has been heard, or until it began; returns the learner's message."""
    await client.say(name)
    message = await client.until("user.message")
    if not hear_out:
        await client.until("reply.audio", turn=message["turn"])
        await client.send("stop")
    await client.until("reply.ended", turn=message["turn"])
    return message


@pytest.mark.parametrize(
    ("voice", "folder", "lines"),
    [("slt", "records-office", (1, 3, 5)), ("rms", "repair-desk", (1, 2, 4)), ("awb", "clinic", (2, 4, 5))],
)
@pytest.mark.slow
def test_each_voice_is_understood_and_answered(
    service: RunningService, voice: str, folder: str, lines: tuple[int, ...]
) -> None:
    chat = service.chat(practice=PRACTICES[folder])

    async def story() -> tuple[Client, WordErrors]:
        errors = WordErrors()
        async with service.call(chat) as client:
            for number in lines:
                name = f"{voice}/{folder}/{number:02}"
                message = await turn(client, name, hear_out=False)
                errors += word_errors(SAID[name], message["text"])
            assert (await client.hang_up())["turns"] == len(lines)
            return client, errors

    client, errors = asyncio.run(story())
    assert errors.words > 20
    assert errors.rate < 0.15, errors
    told = [(event["text"], event["message_id"]) for event in client.of("user.message")]
    queries = [line for line in service.history(chat) if line["type"] == "query"]
    asked = [(line["contents"][0]["content"], line["id"]) for line in queries]
    assert told == asked, "what was told is what is stored"


@pytest.fixture(scope="module")
def whole(service: RunningService) -> Client:
    """A call of one turn, heard to its end."""

    async def story() -> Client:
        async with service.call(service.chat(), hurries=True) as client:
            await turn(client, "rms/records-office/01")
            await client.hang_up()
            return client

    return asyncio.run(story())


def test_a_turn_is_told_as_the_wire_page_says(service: RunningService, whole: Client) -> None:
    client = whole
    kinds = [event["type"] for event in client.events]
    order = ["chat_voice", "user.started", "user.ended", "user.message", "reply.started", "reply.text", "reply.audio"]
    order += ["turn.latency", "reply.ended", "chat_silence"]
    assert sorted(set(kinds) - {"user.partial"}, key=kinds.index) == order
    (started,), (ended,), (message,) = client.of("user.started"), client.of("user.ended"), client.of("user.message")
    assert started["turn"] == ended["turn"] == message["turn"] == 1
    assert started["at_ms"] == pytest.approx(200, abs=120), "200 ms of silence came before the speech"
    length_ms = len(recording("rms/records-office/01")) / 16
    assert ended["at_ms"] == pytest.approx(200 + length_ms, abs=200)
    assert (ended["reason"], ended["silence_ms"] > 0) == ("silence", True)
    (begun,), (over,) = client.of("reply.started"), client.of("reply.ended")
    assert begun["message_id"] == over["message_id"]
    assert begun["persona_id"]
    assert over["text"] == over["heard"] == "".join(event["delta"] for event in client.of("reply.text"))
    assert not over["interrupted"]
    (latency,) = client.of("turn.latency")
    assert set(latency) == {"type", "turn", "endpoint_ms", "stt_ms", "llm_ms", "tts_ms", "voice_to_voice_ms"}
    assert all(isinstance(value, int) and value >= 0 for name, value in latency.items() if name != "type")
    assert latency["voice_to_voice_ms"] >= latency["endpoint_ms"]
    asked, answered = service.history(client.ready["chat_id"])
    assert (asked["type"], asked["origin"], asked["id"]) == ("query", "spoken", message["message_id"])
    assert (answered["type"], answered["origin"], answered["id"]) == ("response", "spoken", begun["message_id"])
    assert answered["parent_message_id"] == asked["id"]
    assert (answered["contents"][0]["content"], answered["full_text"]) == (over["text"], None)


def test_the_audio_is_what_its_announcements_say(whole: Client) -> None:
    client = whole
    announced = [piece.announced for piece in client.pieces]
    assert [event["seq"] for event in announced] == list(range(1, len(announced) + 1))
    at = 0.0
    for piece in client.pieces:
        lasts = len(piece.data) / 48
        assert piece.announced["at_ms"] == pytest.approx(at, abs=1)
        assert piece.announced["duration_ms"] == pytest.approx(lasts, abs=0.5)
        assert 20 <= lasts <= 100
        at += lasts
    (over,) = client.of("reply.ended")
    assert "".join(event["text"] for event in announced) == over["text"]
    assert 8 < len(over["text"]) / (at / 1000) < 25, "as many letters a second as people speak"


def test_the_persona_speaks_in_its_own_voice(service: RunningService) -> None:
    """A woman's voice for the parent, a man's for the one at the repair desk; neither too quiet nor too short."""

    async def greeting(practice: str) -> np.ndarray:
        async with service.call(service.chat(practice=practice), greet=True, hurries=True) as client:
            await client.played_to(0, 2_500)
            await client.hang_up()
            return samples_of(client)

    async def story() -> list[np.ndarray]:
        return await asyncio.gather(*(greeting(practice) for practice in PRACTICES.values()))

    pitches = {}
    for folder, audio in zip(PRACTICES, asyncio.run(story()), strict=True):
        assert 1_000 < hearing.rms(audio) < 12_000
        pitches[folder] = hearing.pitch_hz(audio, 24_000)
    assert pitches["records-office"] > 165, pitches
    assert len({round(pitch / 10) for pitch in pitches.values()}) == 3, "three personas, three voices"


def test_silence_and_noise_are_no_turn(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            await client.hear(quiet(2_000))
            await client.hear(np.random.default_rng(1).normal(0, 300, 48_000).astype(np.int16))
            ended = await client.hang_up()
            assert ended["turns"] == 0
            assert not client.of("user.message")
        assert service.history(chat) == []

    asyncio.run(story())
