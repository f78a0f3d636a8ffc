"""Messages and events in any order with anything in them: each is carried out or refused, and the connection holds."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from api.doors.glow.socketio.table import Events
from api.doors.glow.table import OPERATIONS
from api.doors.voice.examples import CLIENT
from tests.service import WAIT_S, Closed, RunningService
from tests.socket_client import socket_of

pytestmark = pytest.mark.slow

ALLOWED = {1000, 1008, 1009}
"""Over, refused, too large; never 1006 or 1011."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "auto", "AAAA", "\ud800", "x" * 300, "-1", "pcm16", "NaN"])
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
fuzzed = settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@st.composite
def messages(draw: st.DrawFn) -> str | bytes:
    """A message of the page, with some of its fields missing, changed or added; or bytes; or no message at all."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=2000))
    if kind == 1:
        return draw(st.text(max_size=50))
    message = dict(draw(st.sampled_from(CLIENT[1:] if kind < 9 else CLIENT)))
    for name in sorted(message):
        match draw(st.integers(0, 7)):
            case 0:
                del message[name]
            case 1:
                message[name] = draw(VALUES)
    if draw(st.integers(0, 4)) == 0:
        message[draw(st.text(max_size=8))] = draw(VALUES)
    return json.dumps(message)


@pytest.fixture(scope="module")
def chat(service: RunningService) -> str:
    return service.chat()


@fuzzed
@given(sent=st.lists(messages(), min_size=1, max_size=12))
def test_messages_of_the_voice_websocket(service: RunningService, chat: str, sent: list[str | bytes]) -> None:
    async def story() -> None:
        async with service.call(chat) as client:
            with contextlib.suppress(Closed, ConnectionClosed):
                for message in sent:
                    await client.raw(message)
                await client.send("ping")
                await client.until("pong")
        code = client.socket.close_code
        assert code in ALLOWED, f"closed with {code}"
        for event in client.events:
            assert event["type"] != "error" or (event["code"] != "internal" and event["message"].endswith("."))

    asyncio.run(story())


EVENTS = sorted(Events(OPERATIONS).by_name)


@fuzzed
@given(
    sent=st.lists(
        st.tuples(st.sampled_from(EVENTS), st.booleans(), VALUES | st.dictionaries(st.just("message"), VALUES)),
        min_size=1,
        max_size=8,
    )
)
def test_events_of_socketio(service: RunningService, chat: str, sent: list[tuple[str, bool, Any]]) -> None:
    async def story() -> None:
        async with socket_of(service) as socket, asyncio.timeout(WAIT_S):
            for name, of_chat, payload in sent:
                if of_chat and isinstance(payload, dict):
                    payload = {**payload, "chat_id": chat}
                answer = await socket.ask(name, payload)
                assert isinstance(answer, dict)
                assert "failed on this event" not in str(answer.get("error"))

    asyncio.run(story())
