"""The protocol's own library as a client."""

import asyncio

import numpy as np
from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.handle import Handled, HandledChunk, HandledStart, HandledStop
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from tests.service import WAIT_S
from tests.voice.sound import recording


async def until(client: AsyncTcpClient, last: type) -> list[Event]:
    events: list[Event] = []
    while not events or not last.is_type(events[-1].type):  # type: ignore[attr-defined]
        event = await client.read_event()
        assert event is not None, [one.type for one in events]
        events.append(event)
    return events


def test_it_reads_the_description_and_uses_all_three_services(port: int) -> None:
    async def story() -> None:
        async with AsyncTcpClient("127.0.0.1", port, read_timeout=WAIT_S) as client:
            await client.write_event(Describe().event())
            info = Info.from_event((await until(client, Info))[-1])
            assert info.satellite is None
            assert info.asr[0].supports_transcript_streaming
            assert info.handle[0].name == "Ruth Penhallow"
            voice = info.tts[0].voices[0].name

            await client.write_event(Transcribe(language="en", transcript_names=["Alice", "Ruth"]).event())
            await client.write_event(AudioStart(16_000, 2, 1).event())
            sound = recording("slt/clinic/01").tobytes()
            for at in range(0, len(sound), 2048):
                await client.write_event(AudioChunk(16_000, 2, 1, sound[at : at + 2048]).event())
            await client.write_event(AudioStop().event())
            events = await until(client, TranscriptStop)
            assert TranscriptStart.is_type(events[0].type)
            text = Transcript.from_event(next(one for one in events if Transcript.is_type(one.type))).text
            pieces = [TranscriptChunk.from_event(one).text for one in events if TranscriptChunk.is_type(one.type)]
            assert "".join(pieces) == text
            assert "alice" in text

            await client.write_event(Ping(text="there?").event())
            assert Pong.from_event((await until(client, Pong))[-1]).text == "there?"

            said = "The door opens inwards. Mind the step."
            await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name=voice)).event())
            await client.write_event(SynthesizeChunk(text=said).event())
            await client.write_event(Synthesize(text=said).event())
            await client.write_event(SynthesizeStop().event())
            streamed = _samples(await until(client, SynthesizeStopped))
            await client.write_event(Synthesize(text=said, voice=SynthesizeVoice(name=voice)).event())
            whole = _samples(await until(client, AudioStop))
            assert len(whole) > 22_050
            assert np.array_equal(streamed, whole)

            context = {"conversation_id": "from the library"}
            await client.write_event(Transcript(text="Are you afraid?", context=context).event())
            events = await until(client, HandledStop)
            assert HandledStart.is_type(events[0].type)
            answer = Handled.from_event(next(one for one in events if Handled.is_type(one.type)))
            pieces = [HandledChunk.from_event(one).text for one in events if HandledChunk.is_type(one.type)]
            assert "".join(pieces) == answer.text
            assert answer.context == context

    asyncio.run(story())


def test_it_is_used_as_home_assistant_uses_it(port: int) -> None:
    """A connection for each request; the WAV's format is that of the first audio; what is not waited for is skipped."""

    async def transcribed() -> str:
        async with AsyncTcpClient("127.0.0.1", port, read_timeout=WAIT_S) as client:
            await client.write_event(Transcribe(language="en").event())
            await client.write_event(AudioStart(16_000, 2, 1).event())
            await client.write_event(AudioChunk(16_000, 2, 1, recording("slt/clinic/01").tobytes()).event())
            await client.write_event(AudioStop().event())
            return Transcript.from_event((await until(client, Transcript))[-1]).text

    async def answered(text: str) -> str:
        async with AsyncTcpClient("127.0.0.1", port, read_timeout=WAIT_S) as client:
            context = {"conversation_id": "as Home Assistant"}
            await client.write_event(Transcript(text=text, language="en", context=context).event())
            return Handled.from_event((await until(client, Handled))[-1]).text or ""

    async def spoken(text: str) -> bytes:
        async with AsyncTcpClient("127.0.0.1", port, read_timeout=WAIT_S) as client:
            await client.write_event(SynthesizeStart().event())
            for word in text.split(" "):
                await client.write_event(SynthesizeChunk(text=f"{word} ").event())
            await client.write_event(Synthesize(text=text).event())
            await client.write_event(SynthesizeStop().event())
            events = await until(client, SynthesizeStopped)
            assert AudioStart.is_type(events[0].type)
            return _samples(events).tobytes()

    async def story() -> None:
        heard = await transcribed()
        assert "alice" in heard
        first, second = await answered(heard), await answered("Are you afraid?")
        assert first != second
        assert len(await spoken(second)) > 22_050

    asyncio.run(story())


def _samples(events: list[Event]) -> np.ndarray:
    chunks = [AudioChunk.from_event(one) for one in events if AudioChunk.is_type(one.type)]
    assert {(chunk.rate, chunk.width, chunk.channels) for chunk in chunks} == {(22_050, 2, 1)}
    return np.frombuffer(b"".join(chunk.audio for chunk in chunks), "<i2")
