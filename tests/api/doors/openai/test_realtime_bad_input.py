"""What no client should send: every event is answered by an error that names it, and the session goes on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from tests.api.doors.openai.client import RealtimeClient, realtime
from tests.service import TOKENS, WAIT_S, RunningService


def session(service: RunningService, story: Callable[[RealtimeClient], Awaitable[None]]) -> None:
    """Play a story; afterwards the session still answers."""

    async def played() -> None:
        async with realtime(service) as client:
            await client.until("session.created")
            await story(client)
            await client.send("session.update", session={"type": "realtime"})
            await client.until("session.updated")

    asyncio.run(played())


BAD: list[tuple[str, str, str | None]] = [
    ("", "invalid_event", None),
    ("not json", "invalid_event", None),
    ("[1, 2]", "invalid_event", None),
    ('"text"', "invalid_event", None),
    ('{"type": "response.create", "response": NaN}', "invalid_event", None),
    ("[" * 100_000, "invalid_event", None),
    ("{}", "missing_required_parameter", "type"),
    ('{"type": 5}', "invalid_event", "type"),
    ('{"type": "response.explode"}', "invalid_event", "type"),
    ('{"type": "output_audio_buffer.clear"}', "invalid_event", "type"),
    ('{"type": "session.update"}', "missing_required_parameter", "session"),
    ('{"type": "session.update", "session": []}', "missing_required_parameter", "session"),
    ('{"type": "input_audio_buffer.append"}', "missing_required_parameter", "audio"),
    ('{"type": "input_audio_buffer.append", "audio": 7}', "missing_required_parameter", "audio"),
    ('{"type": "input_audio_buffer.append", "audio": "%%%"}', "invalid_value", "audio"),
    ('{"type": "input_audio_buffer.append", "audio": "AAA"}', "invalid_value", "audio"),
    ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    ('{"type": "conversation.item.create"}', "missing_required_parameter", "item"),
    ('{"type": "conversation.item.create", "item": {}}', "missing_required_parameter", "item.type"),
    ('{"type": "conversation.item.create", "item": {"type": "song"}}', "invalid_value", "item.type"),
    ('{"type": "conversation.item.create", "item": {"type": "message"}}', "invalid_value", "item.role"),
    (
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}}',
        "invalid_value",
        "item.content",
    ),
    (
        '{"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "x", "output": "y"}}',
        "item_create_invalid_call_id",
        "item.call_id",
    ),
    ('{"type": "conversation.item.retrieve"}', "missing_required_parameter", "item_id"),
    ('{"type": "conversation.item.retrieve", "item_id": "x"}', "item_retrieve_invalid_item_id", "item_id"),
    ('{"type": "conversation.item.delete", "item_id": "x"}', "item_delete_invalid_item_id", "item_id"),
    (
        '{"type": "conversation.item.truncate", "item_id": "x", "content_index": 0, "audio_end_ms": 5}',
        "item_truncate_invalid_item_id",
        "item_id",
    ),
    ('{"type": "response.create", "response": 5}', "invalid_value", "response"),
    ('{"type": "response.create", "response": {"tools": "all"}}', "invalid_value", "response.tools"),
    (
        '{"type": "response.create", "response": {"conversation": "none", "input":'
        ' [{"type": "item_reference", "id": "x"}]}}',
        "item_retrieve_invalid_item_id",
        "item_id",
    ),
    ('{"type": "response.cancel", "response_id": 5}', "response_cancel_not_active", "response_id"),
]


def test_every_wrong_event_is_answered_and_named(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        for sent, code, param in BAD:
            await client.raw(sent)
            error = await client.refused(code)
            assert error["param"] == param, (sent, error)
            assert error["message"], sent

    session(service, story)


def test_an_event_of_fifteen_megabytes_is_answered_with_an_error(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.append(b"\0" * (15 * 1024 * 1024 // 4 * 3))
        assert "1048576" in (await client.refused("invalid_event"))["message"]
        await client.raw(b"\0\0")
        await client.refused("invalid_event")

    session(service, story)


def test_one_that_is_larger_closes_the_connection(service: RunningService) -> None:
    async def story() -> None:
        address = urlsplit(service.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = {
            "Host": address.netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            **service.headers(),
        }
        lines = ["GET /v1/realtime HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        # A masked text frame that announces 17 MiB: nobody has to wait for the rest of it.
        writer.write(b"\x81\xff" + (17 * 1024 * 1024).to_bytes(8, "big") + b"\0\0\0\0" + b"{")
        async with asyncio.timeout(WAIT_S):
            received = await reader.read()
        assert b"\x88" in received
        assert (1009).to_bytes(2, "big") in received
        writer.close()

    asyncio.run(story())


def test_unknown_fields_are_ignored(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        fields = {"type": "realtime", "magic": True, "audio": {"input": {"magic": 1}, "video": {}}}
        await client.send("session.update", session=fields, magic=[1])
        told = (await client.until("session.updated"))["session"]
        assert "magic" not in json.dumps(told)

    session(service, story)


def test_a_message_of_the_users_own_cannot_be_truncated(service: RunningService) -> None:
    async def story(client: RealtimeClient) -> None:
        await client.type("Hello.", id="mine")
        await client.send("conversation.item.truncate", item_id="mine", content_index=0, audio_end_ms=5)
        await client.refused("item_truncate_invalid_item_id")
        item = {
            "id": "its", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]
        }  # fmt: skip
        await client.send("conversation.item.create", item=item)
        await client.send("conversation.item.truncate", item_id="its", content_index=0, audio_end_ms=700)
        await client.until("conversation.item.truncated", item_id="its", audio_end_ms=0)
        for wrong in (-1, "5", None, True, 1e300):
            await client.send("conversation.item.truncate", item_id="its", content_index=0, audio_end_ms=wrong)
            assert (await client.refused("invalid_value"))["param"] == "audio_end_ms"

    session(service, story)


@pytest.mark.parametrize(
    ("user", "model", "status", "code"),
    [
        (None, "", 401, "invalid_api_key"),
        ("ada", "persona:nobody", 404, "model_not_found"),
        ("ada", "practice:nothing", 404, "model_not_found"),
        ("ada", "chat:none", 404, "model_not_found"),
    ],
)
def test_who_may_not_connect_is_refused_before_it_is_accepted(
    service: RunningService, user: str | None, model: str, status: int, code: str
) -> None:
    refused(service, user, model, status, code)


def test_another_users_chat_is_not_there(service: RunningService) -> None:
    refused(service, "bob", f"chat:{service.chat('ada')}", 404, "model_not_found")


def refused(service: RunningService, user: str | None, model: str, status: int, code: str) -> None:
    async def story() -> None:
        with pytest.raises(InvalidStatus) as found:
            async with realtime(service, user, model=model):
                pass
        response = found.value.response
        error = json.loads(response.body)["error"]
        assert (response.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
        assert error["message"]

    asyncio.run(story())


def test_a_wrong_key_is_refused_wherever_it_is(service: RunningService) -> None:
    async def story() -> None:
        for options in (
            {"key": "wrong"},
            {"user": None, "subprotocols": ("realtime", "openai-insecure-api-key.wrong")},
        ):
            given: Any = options
            with pytest.raises(InvalidStatus) as found:
                async with realtime(service, **given):
                    pass
            assert found.value.response.status_code == 401
        protocols = ("realtime", f"openai-insecure-api-key.{TOKENS['ada']}", "openai-beta.realtime-v1")
        async with realtime(service, None, subprotocols=protocols) as client:
            assert client.socket.subprotocol == "realtime"
            assert "modalities" in (await client.until("session.created"))["session"]

    asyncio.run(story())


PLAIN = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | st.just([]) | st.just({})
TYPES = [
    "session.update",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "response.cancel",
]
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
)
FIELDS = st.dictionaries(
    st.sampled_from("session item item_id audio audio_end_ms content_index response_id previous_item_id".split()),
    VALUES,
)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(TYPES), FIELDS), min_size=10, max_size=20))
def test_no_event_ends_a_session(service: RunningService, events: list[tuple[str, dict[str, Any]]]) -> None:
    async def story(client: RealtimeClient) -> None:
        client.strict = False
        for kind, fields in events:
            await client.send(kind, **fields)

    session(service, story)
