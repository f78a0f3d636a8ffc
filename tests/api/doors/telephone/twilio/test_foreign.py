"""pipecat's Twilio serializer as a client: messages without numbers and timestamps, in frames of 40 ms."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.client.carrier import signature
from tests.api.doors.telephone.twilio.scene import phone_service
from tests.api.doors.telephone.twilio.test_bad_input import SOCKET, ticket
from tests.servers.twilio import TOKEN
from tests.voice.sound import recording

PACKAGES = (
    "pipecat-ai==1.14.0", "sentencex==1.0.32", "loguru", "soxr", "docstring_parser", "wait_for2", "resampy", "loudness",
    "aiofiles", "Markdown", "numba", "llvmlite", "pillow",
)  # fmt: skip
"""What the serializer imports and this environment lacks; pipecat asks for far more."""

CLIENT = """
import asyncio, json, sys
sys.path.append(sys.argv[1])
from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.twilio import TwilioFrameSerializer
from websockets.asyncio.client import connect

class Setup:
    audio_in_sample_rate = 16000

async def main(url, signed, ticket, audio):
    serializer = TwilioFrameSerializer("MZ1", params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    await serializer.setup(Setup())
    heard = 0
    async with connect(url, additional_headers={"X-Twilio-Signature": signed}, proxy=None) as socket:
        start = {"callSid": "CA-pipecat", "customParameters": {"ticket": ticket}}
        await socket.send(json.dumps({"event": "start", "streamSid": "MZ1", "start": start}))

        async def listen():
            nonlocal heard
            async for message in socket:
                frame = await serializer.deserialize(message)
                heard += len(frame.audio) // 2 if frame is not None else 0

        listening = asyncio.create_task(listen())
        await asyncio.sleep(7)
        for at in range(0, len(audio), 1280):
            frame = OutputAudioRawFrame(audio=audio[at : at + 1280], sample_rate=16000, num_channels=1)
            if message := await serializer.serialize(frame):
                await socket.send(message)
            await asyncio.sleep(0.04)
        await asyncio.sleep(2)
        await socket.send(json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {}}))
        await listening
    print(json.dumps({"heard_s": heard / 16000}))

asyncio.run(main(*sys.argv[2:5], open(sys.argv[5], "rb").read()))
"""


@pytest.mark.slow
def test_pipecats_serializer_calls(tmp_path: Path) -> None:
    folder, audio = tmp_path / "packages", tmp_path / "audio.raw"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
    if subprocess.run(install, capture_output=True, timeout=600, check=False).returncode:
        pytest.skip("pipecat cannot be installed here")
    audio.write_bytes(recording("slt/turns/07").tobytes() + bytes(32_000 * 3))
    with phone_service(tmp_path / "service", stt="fixed") as phone:
        url = phone.service.url.replace("http", "ws", 1) + "/phone/twilio"
        named = (url, signature(TOKEN, SOCKET), ticket(phone, "CA-pipecat"), str(audio))
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        client = subprocess.run(
            [sys.executable, "-c", CLIENT, str(folder), *named],
            capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert client.returncode == 0, client.stderr[-2000:]
        assert json.loads(client.stdout.splitlines()[-1])["heard_s"] > 4
        assert [role for role, _ in phone.said("CA-pipecat")] == ["assistant", "user", "assistant"]
