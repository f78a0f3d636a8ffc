"""Every way to send a voice and to receive one: encodings, rates, and messages of any size."""

import asyncio
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests import hearing
from tests.service import SILENCE_MS, Client, RunningService, base64_of, quiet
from tests.voice.sound import encoded, recording
from voice.audio.formats import AudioFormat, wav_bytes
from voice.audio.g711 import alaw_decode, mulaw_decode
from voice.audio.opus import OpusDecoder
from voice.audio.outlet import AudioOutlet

pytestmark = pytest.mark.slow

Int16 = NDArray[np.int16]
LINE = "rms/turns/07"
WORDS = "wait a minute"
QUESTION = "Hello, this is the records office. How can I help you?"
SPEECH = np.concatenate([quiet(100), recording(LINE), quiet(SILENCE_MS)])


def at_rate(audio: Int16, rate_hz: int, channels: int = 1) -> Int16:
    """16 kHz mono at another rate, by FFmpeg."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=rate_hz)
    frame = av.AudioFrame.from_ndarray(audio[None], format="s16", layout="mono")
    frame.sample_rate = 16_000
    out = np.concatenate([part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]])
    return out.repeat(channels)


def packets(audio: Int16) -> list[bytes]:
    outlet = AudioOutlet(AudioFormat("opus", 16_000), 16_000)
    return [*outlet.packets(audio), *outlet.flush()]


def companded(codec: str) -> bytes:
    """G.711 by FFmpeg's encoder."""
    return encoded(SPEECH, codec.removeprefix("pcm_"), codec, 8_000)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


async def understood(client: Client, messages: list[bytes]) -> str:
    for message in messages:
        await client.raw(message)
    told = await client.until("user.message")
    await client.hang_up()
    assert not client.of("error")
    return str(told["text"])


@pytest.mark.parametrize(
    ("wire", "size"),
    [
        ({"rate": 8_000}, 999),
        ({"rate": 16_000}, 256),
        ({"rate": 16_000}, 32_000),
        ({"rate": 22_050}, 641),
        ({"rate": 24_000}, 256),
        ({"rate": 44_100}, 4_096),
        ({"rate": 48_000}, 1_920),
        ({"rate": 48_000, "channels": 2}, 4_097),
    ],
)
def test_pcm_of_every_rate(service: RunningService, wire: dict[str, Any], size: int) -> None:
    data = at_rate(SPEECH, wire["rate"], wire.get("channels", 1)).astype("<i2").tobytes()

    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "pcm16", **wire}) as client:
            assert client.ready["input"] == {"encoding": "pcm16", "channels": 1, **wire}
            assert await understood(client, list(cut(data, size))) == WORDS

    asyncio.run(story())


def test_one_byte_at_a_time(service: RunningService) -> None:
    data = at_rate(SPEECH, 8_000).astype("<i2").tobytes()

    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "pcm16", "rate": 8_000}) as client:
            assert await understood(client, list(cut(data, 1))) == WORDS

    asyncio.run(story())


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_telephone_audio(service: RunningService, encoding: str) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": encoding, "rate": 8_000}) as client:
            assert await understood(client, list(cut(companded(f"pcm_{encoding}"), 160))) == WORDS

    asyncio.run(story())


def test_opus_packets(service: RunningService) -> None:
    async def story() -> None:
        wire = {"encoding": "opus", "rate": 16_000, "channels": 1}
        async with service.call(service.chat(), input=wire) as client:
            assert await understood(client, packets(SPEECH)) == WORDS

    asyncio.run(story())


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "size"),
    [("ogg", "libopus", 48_000, 1_001), ("webm", "libopus", 48_000, 333), ("wav", "pcm_s16le", 44_100, 7_777)],
)
def test_containers_in_odd_pieces(service: RunningService, container: str, codec: str, rate_hz: int, size: int) -> None:
    data = encoded(SPEECH, container, codec, rate_hz)

    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "container"}) as client:
            assert await understood(client, list(cut(data, size))) == WORDS

    asyncio.run(story())


@pytest.mark.parametrize(("container", "codec"), [("ogg", "libopus"), ("webm", "libopus"), ("wav", "pcm_s16le")])
def test_one_container_after_the_other(service: RunningService, container: str, codec: str) -> None:
    """Push to talk: each press is a recording of its own."""
    presses = [encoded(recording(name), container, codec, 48_000) for name in ("rms/turns/01", LINE)]

    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "container"}, turns="manual") as client:
            for data, words in zip(presses, ["yes", WORDS], strict=True):
                for message in cut(data, 20_000):
                    await client.raw(message)
                await client.send("commit")
                assert (await client.until("user.message"))["text"] == words
                await client.until("reply.audio")
                await client.send("stop")
            await client.hang_up()
            assert not client.of("error")

    asyncio.run(story())


def test_base64_in_json(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat) as client:
            for message in cut(SPEECH.astype("<i2").tobytes(), 6_401):
                await client.send("chat_speak", audio=base64_of(message))
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()

    asyncio.run(story())


def decoded(encoding: str, pieces: list[bytes]) -> Int16:
    match encoding:
        case "mulaw":
            return mulaw_decode(b"".join(pieces))
        case "alaw":
            return alaw_decode(b"".join(pieces))
        case "opus":
            decoder = OpusDecoder()
            return np.concatenate([decoder.decode(piece) for piece in pieces])
    return np.frombuffer(b"".join(pieces), "<i2")


def test_every_output_is_the_same_voice(service: RunningService) -> None:
    """All of them at once: the same greeting, as long, as loud and as high in each format."""
    wanted = [("pcm16", rate) for rate in (8_000, 16_000, 24_000, 44_100, 48_000)]
    wanted += [("mulaw", 8_000), ("alaw", 8_000), ("opus", 24_000), ("opus", 48_000)]

    async def greeted(encoding: str, rate_hz: int) -> Int16:
        output = {"encoding": encoding, "rate": rate_hz}
        async with service.call(service.chat(), greet=True, hurries=True, output=output) as client:
            assert client.ready["output"] == output
            await client.played_to(0, 2_000)
            await client.hang_up()
            announced_ms = sum(piece.announced["duration_ms"] for piece in client.pieces)
            audio = decoded(encoding, [piece.data for piece in client.pieces])
            heard_hz = 48_000 if encoding == "opus" else rate_hz
            assert len(audio) / heard_hz * 1000 == pytest.approx(announced_ms, abs=len(client.pieces) / 2 + 1)
            assert all(20 <= piece.announced["duration_ms"] <= 100 for piece in client.pieces)
            if encoding == "opus":
                assert {piece.announced["duration_ms"] for piece in client.pieces} == {20}
            return resampled(audio, heard_hz)

    async def story() -> list[Int16]:
        return list(await asyncio.gather(*(greeted(*form) for form in wanted)))

    voices = [audio[: 24 * 1_900] for audio in asyncio.run(story())]
    reference = voices[wanted.index(("pcm16", 24_000))]
    pitch, level = hearing.pitch_hz(reference, 24_000), hearing.rms(reference)
    for form, audio in zip(wanted, voices, strict=True):
        assert hearing.pitch_hz(audio, 24_000) == pytest.approx(pitch, rel=0.08), form
        assert hearing.rms(audio) == pytest.approx(level, rel=0.25), form


def resampled(audio: Int16, rate_hz: int) -> Int16:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=24_000)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio)[None], format="s16", layout="mono")
    frame.sample_rate = rate_hz
    return np.concatenate([part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]])


def test_a_wav_file_is_a_container_too(service: RunningService) -> None:
    async def story() -> None:
        async with service.call(service.chat(), input={"encoding": "container"}) as client:
            await client.raw(wav_bytes(SPEECH, 16_000))
            assert (await client.until("user.message"))["text"] == WORDS
            await client.hang_up()
            assert not client.of("error")

    asyncio.run(story())
