"""A token that is revoked at one gateway, or on the command line, closes what is open at the others."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.client.http import RemoteService
from models.store import Store
from tests.scale.twins import Twins, twins
from tests.servers.process import WAIT_S, ServiceProcess

pytestmark = pytest.mark.slow

CLOSED_S = 35.0
"""Within so many seconds everything is closed, with the bus or without; mostly two."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with twins(tmp_path_factory.mktemp("revoked"), "redis") as running:
        yield running


async def opened(gateway: ServiceProcess, chat: str, secret: str) -> ClientConnection:
    """A call, over the voice websocket."""
    url = gateway.url.replace("http", "ws") + "/attempt/chat_voice"
    socket = await connect(url, additional_headers={"Authorization": f"Bearer {secret}"}, compression=None)
    await socket.send(json.dumps({"type": "chat_voice", "chat_id": chat}))
    async with asyncio.timeout(WAIT_S):
        while json.loads(await socket.recv()).get("type") != "chat_voice":
            pass
    return socket


async def close_code(socket: ClientConnection) -> int | None:
    try:
        async with asyncio.timeout(WAIT_S):
            while True:
                await socket.recv()
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("bus", ["there", "away"])
def test_calls_at_both_gateways_are_closed_with_1008(pair: Twins, bus: str) -> None:
    async def story() -> None:
        async with Store(pair.database_url) as store:
            secret, token = await store.create_token(f"user {bus}")
            sockets = []
            for gateway in (pair.one, pair.two):
                with RemoteService(gateway.url, secret) as http:
                    _, chat = await asyncio.to_thread(http.start_named)
                sockets.append(await opened(gateway, chat, secret))
            with ExitStack() as stack:
                if bus == "away":
                    stack.enter_context(pair.bus_away())
                loop = asyncio.get_running_loop()
                revoked_at = loop.time()
                await store.revoke_token(token.id)
                assert await asyncio.gather(*map(close_code, sockets)) == [1008, 1008]
                took_s = loop.time() - revoked_at
        print(f"closed after {took_s:.1f} s, with the bus {bus}")  # noqa: T201
        assert took_s < CLOSED_S

    asyncio.run(story())
