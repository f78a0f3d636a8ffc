"""Typed messages of the Realtime interface, and what OpenAI's own client makes of them."""

import asyncio
from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI

from tests.api.doors.openai.client import RealtimeClient
from tests.api.doors.openai.stories import (
    TEXT,
    session,
    updated,
    words,
)
from tests.service import TOKENS, RunningService

if TYPE_CHECKING:
    pass


def test_typed_messages_wait_for_a_response_to_be_asked_for(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await updated(client, **TEXT)
        await client.type("Good morning.", id="first")
        added = await client.until("conversation.item.added")
        assert (added["item"]["id"], added["previous_item_id"]) == ("first", None)
        await client.until("conversation.item.done")
        await client.send("conversation.item.retrieve", item_id="first")
        shown = (await client.until("conversation.item.retrieved"))["item"]
        assert shown["content"] == [{"type": "input_text", "text": "Good morning."}]
        assert not client.of("response.created")
        await client.send("response.create")
        assert words((await client.until("response.done"))["response"])

    session(service, story)


def test_items_have_an_order_and_a_deleted_one_is_gone(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.type("One.", id="one")
        await client.type("Two.", id="two")
        await client.until("conversation.item.done")
        item = {"id": "zero", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "Zero."}]}
        await client.send("conversation.item.create", item=item, previous_item_id="root")
        await client.until("conversation.item.added", previous_item_id=None)
        item = {**item, "id": "half"}
        await client.send("conversation.item.create", item=item, previous_item_id="one")
        await client.until("conversation.item.added", previous_item_id="one")
        await client.send("conversation.item.create", item=item)
        await client.refused("item_create_duplicate_item_id")
        await client.send("conversation.item.delete", item_id="two")
        await client.until("conversation.item.deleted", item_id="two")
        await client.send("conversation.item.retrieve", item_id="two")
        await client.refused("item_retrieve_invalid_item_id")

    session(service, story)


def test_pictures_are_refused_by_name(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        picture = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
        item = {"type": "message", "role": "user", "content": [picture]}
        await client.send("conversation.item.create", item=item)
        assert (await client.refused("unsupported_content_type"))["param"] == "item.content[0].type"

    session(service, story)


def test_openais_client_for_python_types_speaks_and_stops(service: RunningService) -> None:
    async def story() -> None:
        address = f"{service.url}/v1"
        client = AsyncOpenAI(api_key=TOKENS["ada"], base_url=address, websocket_base_url=address.replace("http", "ws"))
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(session={"type": "realtime", "instructions": "Be kind."})
            content: Any = [{"type": "input_text", "text": "Hello."}]
            await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            await connection.response.create()
            kinds: list[str] = []
            async for event in connection:
                kinds.append(event.type)
                if event.type == "response.output_audio.delta" and kinds.count(event.type) == 1:
                    await connection.response.cancel()
                if event.type == "response.done":
                    assert event.response.status == "cancelled"
                    break
                assert event.type != "error"
            assert kinds[:2] == ["session.created", "session.updated"]
        await client.close()

    asyncio.run(story())
