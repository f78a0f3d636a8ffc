"""Recognition servers that write noises, halves of characters and whole books, through the real door."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from pipeline.speaking.replies import APOLOGY
from tests.servers.stt import transcription_server
from tests.service import SILENCE_MS, quiet, running
from tests.voice.sound import recording

LINE = np.concatenate([quiet(100), recording("rms/turns/07"), quiet(SILENCE_MS)])


@pytest.mark.slow
def test_odd_transcripts_end_no_call_and_store_no_nonsense(tmp_path: Path) -> None:
    with transcription_server() as server:
        server.behaviour = '{"text": "<|en|>(phone ringing) Hello \\ud83d there."}'
        with running(tmp_path, stt="openai", stt_base_url=server.url, openai_api_key="k") as service:
            chat = service.chat()

            async def story() -> None:
                async with service.call(chat, hurries=True) as client:
                    await client.hear(LINE)
                    assert (await client.until("user.message"))["text"] == "Hello \ufffd there."
                    before = client.ready
                async with service.call(chat, hurries=True, resume=before["resume"]) as client:
                    assert client.ready["conversation_id"] == before["conversation_id"]
                    await client.until("reply.ended")
                    server.behaviour = '{"text": "' + "word " * 10_000 + '"}'
                    await client.hear(LINE)
                    assert (await client.until("error"))["code"] == "engine_failed"
                    assert (await client.until("reply.ended"))["text"] == APOLOGY
                    server.behaviour = '{"text": "[BLANK_AUDIO]"}'
                    await client.hear(LINE)
                    await client.send("chat_message", text="Hello?")
                    assert (await client.until("user.message"))["text"] == "Hello?"
                    await client.until("reply.started")
                    await client.hang_up()

            asyncio.run(story())
            said = [text for kind, text in service.lines(chat) if kind == "query"]
    assert said == ["Hello \ufffd there.", "Hello?"]
