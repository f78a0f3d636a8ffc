"""Models that think aloud, act on a stage, or stop at their limit, through the real door."""

import asyncio
from pathlib import Path

import pytest

from tests.servers.llm import LlmServer
from tests.service import unhearing

WRITTEN = (
    "<think>\nThe user greets me.\n</think>\n\n*sighs* Hello there. (leans back) Go on.<|im_end|>\n<|im_start|>user"
)
STORED = "*sighs* Hello there. (leans back) Go on."
UNOPENED = "They greet me. I shall answer.</think>Good day to you."


@pytest.mark.slow
def test_thoughts_are_neither_said_nor_stored(tmp_path: Path, llm_server: LlmServer) -> None:
    llm_server.replies["script"] = [WRITTEN, UNOPENED, UNOPENED]
    server = {"llm": "openai", "llm_model": "script", "openai_base_url": llm_server.url, "openai_api_key": "k"}
    with unhearing(tmp_path, **server) as service:
        chat = service.chat()

        async def story() -> list[str]:
            async with service.call(chat, hurries=True) as client:
                texts = []
                for _ in range(3):
                    await client.send("chat_message", text="Hello?")
                    ended = await client.until("reply.ended")
                    assert ended["text"] == ended["heard"]
                    assert (
                        "".join(said["delta"] for said in client.of("reply.text", turn=ended["turn"])) == ended["text"]
                    )
                    assert not ended["truncated"]
                    texts.append(ended["text"])
                await client.hang_up()
                return texts

        said = [STORED, "Good day to you.", "Good day to you."]
        assert asyncio.run(story()) == said
        assert [text for kind, text in service.lines(chat) if kind == "response"] == said
    assert all("<" not in str(message) for message in llm_server.last.messages if message["role"] == "assistant")


@pytest.mark.slow
def test_a_reply_at_the_models_limit_is_told_as_truncated(tmp_path: Path, llm_server: LlmServer) -> None:
    server = {"llm": "openai", "llm_model": "length", "openai_base_url": llm_server.url, "openai_api_key": "k"}
    with unhearing(tmp_path, **server) as service:
        chat = service.chat()

        async def story() -> None:
            async with service.call(chat, hurries=True) as client:
                await client.send("chat_message", text="Hello?")
                ended = await client.until("reply.ended")
                assert (ended["text"], ended["truncated"]) == ("Well, let me see what", True)
                await client.send("chat_message", text="Go on.")
                await client.until("reply.ended")
                await client.hang_up()

        asyncio.run(story())
    assert [message["content"] for message in llm_server.last.messages if message["role"] == "assistant"] == [
        "Well, let me see what"
    ], "nobody interrupted it, so it is not shown as cut"
