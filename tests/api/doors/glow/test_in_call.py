"""Messages by request while a voice call is open on the chat: answered aloud, and the answer comes back in writing."""

import asyncio
from typing import Any

import pytest

from tests.api.doors.glow.test_chats import ok
from tests.service import RunningService

QUESTION = "Hello, this is the records office. How can I help you?"


async def sent(service: RunningService, chat: str, text: str, path: str = "chat_message") -> dict[str, Any]:
    said = {"chat_id": chat, "text" if path == "chat_message" else "message": text, "wait_for_complete": True}
    return ok(await asyncio.to_thread(service.post, f"/attempt/{path}", said))


@pytest.mark.slow
def test_who_waits_gets_what_the_persona_said_aloud(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            for path in ("chat_message", "message"):
                asking = asyncio.create_task(sent(service, chat, QUESTION, path))
                ended = await client.until("reply.ended")
                reply = await asking
                assert reply["assistant_message_id"] == ended["message_id"]
                assert reply["assistant_content"] == ended["text"] != ""
            await client.hang_up()
        kept = {item["id"]: item["contents"][0]["content"] for item in service.history(chat)}
        assert kept[reply["assistant_message_id"]] == reply["assistant_content"]

    asyncio.run(story())


def test_who_waits_gets_what_was_heard_of_an_answer_that_was_stopped(service: RunningService) -> None:
    async def story() -> None:
        chat = service.chat()
        async with service.call(chat, hurries=True) as client:
            asking = asyncio.create_task(sent(service, chat, QUESTION))
            await client.played_to(1, 1_800)
            await client.send("stop")
            ended = await client.until("reply.ended")
            reply = await asking
            assert ended["interrupted"]
            assert reply["assistant_message_id"] == ended["message_id"]
            assert reply["assistant_content"] == ended["heard"] != ended["text"]
            await client.hang_up()

    asyncio.run(story())
