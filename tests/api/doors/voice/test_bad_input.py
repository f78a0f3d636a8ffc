"""Bad input on an open call: each costs one typed error with a sentence, and nothing that was said."""

import asyncio
import json
import struct
import threading
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from tests.service import SILENCE_MS, Client, RunningService, base64_of, quiet
from tests.voice.sound import encoded, recording
from voice.audio.formats import wav_bytes

WORDS = "wait a minute"
LINE = np.concatenate([quiet(100), recording("rms/turns/07")])
LIMIT = 128 * 1024
CONTAINER = {"encoding": "container"}


async def complaint(client: Client, code: str, says: str) -> None:
    """The next error is this one, and does not end the call."""
    error = await client.until("error")
    assert (error["code"], error["fatal"]) == (code, False), error
    assert says in error["message"]
    assert error["message"].endswith(".")
    assert "Traceback" not in error["message"]


async def goes_on(client: Client) -> None:
    """What was said so far is still there, and the call ends as any other."""
    await client.hear(quiet(SILENCE_MS))
    assert (await client.until("user.message"))["text"] == WORDS
    await client.hang_up()


@pytest.mark.parametrize(
    ("bad", "code", "says"),
    [
        ("not json", "invalid_json", "not JSON"),
        ('{"type": "stop"', "invalid_json", "not JSON"),
        ("", "invalid_json", "not JSON"),
        ("[" * 10_000, "invalid_json", "not JSON"),
        ("[]", "invalid_message", "not a JSON object"),
        ("null", "invalid_message", "not a JSON object"),
        ("17", "invalid_message", "not a JSON object"),
        ("{}", "unknown_type", "use one of chat_voice, chat_speak, commit"),
        ({"type": "sing"}, "unknown_type", "use one of chat_voice, chat_speak, commit"),
        ({"type": None}, "unknown_type", "use one of"),
        ({"type": ["stop"]}, "unknown_type", "use one of"),
        ({"type": "chat_speak"}, "invalid_message", "`audio` is missing"),
        ({"type": "chat_speak", "audio": 5}, "invalid_message", "`audio`"),
        ({"type": "chat_speak", "audio": "no base64!"}, "invalid_base64", "standard alphabet"),
        ({"type": "chat_speak", "audio": "AAA"}, "invalid_base64", "standard alphabet"),
        ({"type": "chat_speak", "audio": "größe"}, "invalid_base64", "standard alphabet"),
        ({"type": "chat_message"}, "invalid_message", "`text` is missing"),
        ({"type": "chat_message", "text": ""}, "invalid_message", "`text`"),
        ({"type": "chat_message", "text": " \n "}, "invalid_message", "more than blanks"),
        ({"type": "chat_message", "text": "a" * 20_001}, "invalid_message", "20000"),
        ('{"type": "chat_message", "text": "\\ud800"}', "invalid_json", "not JSON"),
        ({"type": "mute"}, "invalid_message", "`muted` is missing"),
        ({"type": "mute", "muted": "yes"}, "invalid_message", "`muted`"),
        ({"type": "played", "turn": 1}, "invalid_message", "`ms` is missing"),
        ({"type": "played", "turn": -1, "ms": 5}, "invalid_message", "`turn`"),
        ({"type": "played", "turn": 1, "ms": -5}, "invalid_message", "`ms`"),
        ('{"type": "played", "turn": 1, "ms": NaN}', "invalid_message", "`ms`"),
        ('{"type": "played", "turn": 1, "ms": 1e999}', "invalid_message", "`ms`"),
        ({"type": "played", "turn": 10**30, "ms": 1}, "invalid_message", "`turn`"),
        ({"type": "echo"}, "invalid_message", "`residual_db` is missing"),
        ({"type": "echo", "residual_db": 41}, "invalid_message", "`residual_db`"),
        ('{"type": "echo", "residual_db": NaN}', "invalid_message", "`residual_db`"),
        ({"type": "echo", "residual_db": -20, "delay_ms": 2001}, "invalid_message", "`delay_ms`"),
        ({"type": "echo", "residual_db": -20, "delay_ms": 1.5}, "invalid_message", "`delay_ms`"),
        ({"type": "dtmf", "digit": "55"}, "invalid_message", "one of 0 to 9, *, # or A to D"),
        ({"type": "dtmf", "digit": "x"}, "invalid_message", "one of 0 to 9, *, # or A to D"),
        ({"type": "dtmf", "digit": 5}, "invalid_message", "`digit`"),
        ({"type": "chat_voice", "chat_id": "c"}, "already_open", "open another connection"),
    ],
)
def test_bad_messages_in_the_middle_of_an_utterance(
    service: RunningService, shared_call: "SharedCall", bad: str | dict[str, Any], code: str, says: str
) -> None:
    async def story(client: Client) -> None:
        await client.raw(bad if isinstance(bad, str) else json.dumps(bad))
        await complaint(client, code, says)

    shared_call.run(story)


class SharedCall:
    """One call in the middle of an utterance, for many bad messages; what was said before them is there at the end.

    Its loop runs in a thread, so that the line stays alive however long the tests in between take.
    """

    def __init__(self, service: RunningService) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="shared call")
        self._call = service.call(service.chat(), turns="manual")

    def begin(self) -> None:
        self._thread.start()
        self.client = self._wait_for(self._call.__aenter__())
        self._wait_for(self.client.hear(LINE))

    def run(self, story: Any) -> None:
        self._wait_for(story(self.client))

    def end(self) -> None:
        async def ending() -> None:
            await self.client.send("commit")
            assert (await self.client.until("user.message"))["text"] == WORDS
            await self.client.hang_up()

        try:
            self._wait_for(ending())
            self._wait_for(self._call.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait_for(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@pytest.fixture(scope="module")
def shared_call(service: RunningService) -> Any:
    shared = SharedCall(service)
    shared.begin()
    yield shared
    shared.end()


@pytest.mark.slow
@pytest.mark.parametrize("as_text", [False, True])
def test_a_message_over_the_limit_closes_with_1009_and_the_call_is_resumed(
    service: RunningService, as_text: bool
) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat, turns="manual") as client:
            token = client.ready["resume"]
            await client.hear(LINE)
            big = bytes(LIMIT + 2)
            await client.raw(json.dumps({"type": "chat_speak", "audio": base64_of(big)}) if as_text else big)
            error = await client.until("error")
            assert (error["code"], error["fatal"]) == ("message_too_large", True)
            assert f"at most {LIMIT} bytes" in error["message"]
            assert await client.until_closed() == 1009
        async with service.call(chat, resume=token) as client:
            await client.raw(bytes(LIMIT))
            await client.send("commit")
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()

    asyncio.run(story())


def test_far_over_the_limit_it_closes_with_1009_all_the_same(service: RunningService) -> None:
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat) as client:
            token = client.ready["resume"]
            with suppress(ConnectionClosed):  # it may close before it has read all of it
                await client.raw(bytes(20 * LIMIT))
            assert await client.until_closed() == 1009
        async with service.call(chat, resume=token) as client:
            await client.hang_up()

    asyncio.run(story())


def float_wav(samples: np.ndarray, *broken: float) -> bytes:
    """A WAV of 32-bit floats, some of them broken, at its end."""
    data = np.concatenate([samples.astype(np.float32) / 32768, np.array(broken, np.float32)]).astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        16_000,
        64_000,
        4,
        32,
        b"data",
        len(data),
    )
    return head + data


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_samples_that_are_no_numbers(service: RunningService, broken: float) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input=CONTAINER) as client:
            await client.raw(float_wav(np.concatenate([LINE, quiet(200)]), broken)[:LIMIT])
            await complaint(client, "invalid_audio", "NaN or infinite; send finite samples")
            await client.raw(wav_bytes(quiet(SILENCE_MS), 16_000))
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()
            assert len(client.of("error")) == 1

    asyncio.run(story())


def test_floats_and_big_endian_samples_in_pcm16(service: RunningService) -> None:
    async def story(sent: bytes, says: str) -> None:
        async with service.call(service.chat()) as client:
            for start in range(0, len(sent), 20_000):
                await client.raw(sent[start : start + 20_000])
            await complaint(client, "invalid_audio", says)
            await client.hang_up()
            assert len(client.of("error")) == 1

    asyncio.run(story((LINE / 32768).astype("<f4").tobytes() * 2, "look like 32-bit float samples, and pcm16 means"))
    asyncio.run(story(LINE.astype(">i2").tobytes() * 2, "look like big-endian samples"))


def test_a_microphone_that_is_silent_for_ten_seconds(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.hear(quiet(9_900))
            await client.hear(np.concatenate([quiet(100), quiet(10_000)]))
            await complaint(client, "silent_audio", "has been digital silence for 10 seconds")
            await client.hear(LINE)
            await goes_on(client)
            assert len(client.of("error")) == 1

    asyncio.run(story())


@pytest.mark.parametrize("garbage", [b"this is no recording at all", bytes(range(1, 200)), b"fLaC" + bytes(100)])
def test_what_is_no_container(service: RunningService, garbage: bytes) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input=CONTAINER) as client:
            for _ in range(2):
                await client.raw(garbage)
                await complaint(client, "invalid_audio", "begin with the header of Ogg, WebM or WAV")
            await client.raw(wav_bytes(np.concatenate([LINE, quiet(SILENCE_MS)]), 16_000))
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()

    asyncio.run(story())


def test_an_empty_wav(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input=CONTAINER, turns="manual") as client:
            await client.raw(wav_bytes(quiet(0), 16_000))
            await client.send("commit")
            await complaint(client, "invalid_audio", "holds no samples; send one with sound in it")
            await client.raw(wav_bytes(LINE, 16_000))
            await client.send("commit")
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.parametrize(("container", "codec"), [("ogg", "libopus"), ("webm", "libopus"), ("wav", "pcm_s16le")])
def test_a_container_that_is_cut_short_is_heard_as_far_as_it_goes(
    service: RunningService, container: str, codec: str
) -> None:
    data = encoded(np.concatenate([LINE, quiet(900)]), container, codec, 48_000)
    chat = service.chat()

    async def story() -> None:
        async with service.call(chat, input=CONTAINER) as client:
            for start in range(0, len(data) - 301, 10_000):
                await client.raw(data[: len(data) - 301][start : start + 10_000])
            await client.send("chat_silence")
            await complaint(client, "invalid_audio", "send")
            await client.until("chat_silence")
            assert await client.until_closed() == 1000
        assert service.lines(chat)[0] == ("query", WORDS)

    asyncio.run(story())


def test_a_cut_container_before_the_next_one(service: RunningService) -> None:
    """The first press was cut short; the second is whole."""
    whole = wav_bytes(LINE, 16_000)

    async def story() -> None:
        async with service.call(service.chat(), input=CONTAINER, turns="manual") as client:
            await client.raw(whole[:-500])
            await client.raw(wav_bytes(quiet(300), 16_000))
            await complaint(client, "invalid_audio", "ends before the length that its header declares")
            await client.send("commit")
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()

    asyncio.run(story())


@pytest.mark.parametrize("packet", [b"", b"\xff" * 40])
def test_what_is_no_opus_packet(service: RunningService, packet: bytes) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "opus", "rate": 16_000}) as client:
            await client.raw(packet)
            await complaint(client, "invalid_audio", "one whole")
            await client.send("ping")
            await client.until("pong")
            await client.hang_up()

    asyncio.run(story())


def test_odd_bytes_and_empty_messages_are_no_error(service: RunningService) -> None:
    data = LINE.astype("<i2").tobytes()

    async def story() -> None:
        async with service.call(service.chat()) as client:
            await client.raw(b"")
            for start in range(0, len(data), 641):
                await client.raw(data[start : start + 641])
                await client.raw(b"")
            await goes_on(client)
            assert not client.of("error")

    asyncio.run(story())
