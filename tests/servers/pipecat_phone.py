# mypy: ignore-errors
# Runs in the environment of pipecat, whose types are not available here.
"""A phone made of pipecat's serializers: one call over a stream of Telnyx or Vonage, as a job on standard input.

Its audio goes out through `serialize` and what comes in through `deserialize`; the messages that open a stream, which
pipecat leaves to its transports, are sent by hand.
"""

import asyncio
import json
import sys
import wave

from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.telnyx import TelnyxFrameSerializer
from pipecat.serializers.vonage import VonageFrameSerializer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

RATE_HZ = 16_000
FRAME_MS = 40
"""As pipecat's transports send."""


def telnyx(job):
    """Telnyx's serializer, its handshake, and what opens its stream."""
    params = TelnyxFrameSerializer.InputParams(sample_rate=RATE_HZ, auto_hang_up=False)
    serializer = TelnyxFrameSerializer("32DE", outbound_encoding="PCMU", inbound_encoding="PCMU", params=params)
    media = {"encoding": "PCMU", "sample_rate": 8_000, "channels": 1}
    start = {"event": "start", "start": {"call_control_id": job["call_id"], "media_format": media}}
    return serializer, {"x-telnyx-streaming-auth-token": job["ticket"]}, [json.dumps(start)]


def vonage(job):
    """Vonage's serializer, its handshake, and what opens its stream."""
    serializer = VonageFrameSerializer(VonageFrameSerializer.InputParams(sample_rate=RATE_HZ))
    connected = {"event": "websocket:connected", "content-type": f"audio/l16;rate={RATE_HZ}"}
    return serializer, {"Authorization": f"Bearer {job['ticket']}"}, [json.dumps(connected)]


async def call(job):
    """Carry the call for the job's seconds; return what was heard, as PCM16."""
    serializer, headers, opening = {"telnyx": telnyx, "vonage": vonage}[job["line"]](job)
    serializer._sample_rate = RATE_HZ  # what its setup would take from the pipeline
    heard = bytearray()
    async with connect(job["url"], additional_headers=headers, compression=None, proxy=None) as socket:
        for message in opening:
            await socket.send(message)

        async def listen():
            try:
                async for message in socket:
                    frame = await serializer.deserialize(message)
                    if isinstance(frame, InputAudioRawFrame):
                        heard.extend(frame.audio)
            except ConnectionClosed:
                pass

        listening = asyncio.create_task(listen())
        with wave.open(job["audio"]) as file:
            audio = file.readframes(file.getnframes())
        loop = asyncio.get_running_loop()
        due, size = loop.time(), RATE_HZ * FRAME_MS // 1000 * 2
        for start in range(0, len(audio) - size + 1, size):
            frame = OutputAudioRawFrame(audio[start : start + size], RATE_HZ, 1)
            message = await serializer.serialize(frame)
            if message:
                try:
                    await socket.send(message)
                except ConnectionClosed:
                    break
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0, due - loop.time()))
        listening.cancel()
    with wave.open(job["out"], "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(bytes(heard))
    return {"heard_s": len(heard) / 2 / RATE_HZ, "setup": FrameProcessorSetup.__name__}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(call(json.loads(sys.stdin.read())))))
