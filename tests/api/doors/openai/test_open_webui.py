"""The requests of Open WebUI 0.12.4, as its sources (routers/openai.py, routers/audio) make them."""

import asyncio
import io
import json
from collections.abc import AsyncIterator

import aiohttp
import av
import numpy as np

from tests.api.doors.openai.test_rest import wav
from tests.service import RunningService, quiet
from tests.voice.sound import recording

SAID = wav(quiet(500), recording("rms/turns/13"), quiet(500))


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    """A file as it is read, of no length that is known before."""
    for start in range(0, len(data), 10_000):
        yield data[start : start + 10_000]


def test_its_connection_chats_speaks_and_hears(service: RunningService) -> None:
    async def story() -> None:
        base, headers = f"{service.url}/v1", service.headers()
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{base}/models", headers=headers) as answer:
                models = [model["id"] for model in (await answer.json())["data"]]
            persona = next(name for name in models if name.startswith("persona:"))
            asked = {
                "model": persona,
                "stream": True,
                "messages": [{"role": "user", "content": "Hello."}],
                "stream_options": {"include_usage": True},
            }
            async with session.post(f"{base}/chat/completions", json=asked, headers=headers) as answer:
                lines = [line.decode() async for line in answer.content if line.startswith(b"data: ")]
            assert lines[-1].strip() == "data: [DONE]"
            chunks = [json.loads(line[6:]) for line in lines[:-1]]
            assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in chunks[:-1]).strip()
            assert chunks[-1]["usage"]["total_tokens"] > 0

            payload = {"input": "Good morning.", "model": "tts-1", "voice": "alloy"}
            async with session.post(f"{base}/audio/speech", json=payload, headers=headers) as answer:
                assert answer.headers["Content-Type"] == "audio/mpeg"
                with av.open(io.BytesIO(await answer.read())) as container:
                    assert np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)]).any()

            form = aiohttp.FormData()
            form.add_field("model", "whisper-1")
            form.add_field("language", "en")
            form.add_field("file", pieces(SAID), filename="recording.wav", content_type="audio/wav")
            async with session.post(f"{base}/audio/transcriptions", data=form, headers=headers) as answer:
                assert (await answer.json())["text"] == "can you repeat that please"

            async with session.get(f"{base}/audio/voices") as answer:  # without a key; it then shows OpenAI's names
                assert answer.status >= 400

    asyncio.run(story())
