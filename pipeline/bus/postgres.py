"""PostgreSQL's NOTIFY carries the bus: on a connection of its own, outside of everybody's transactions.

Source: PostgreSQL 15, NOTIFY: a payload has less than 8,000 bytes; notifications of a transaction keep their order. A
commit with a notification takes a lock of the whole server, so that they are gathered.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
from sqlalchemy import make_url

from pipeline.bus.transport import EVERYBODY, BusLink, Received, TransportLost

CONNECT_S, SEND_S = 5.0, 10.0

_NOTIFY = "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS x(c, p, n) ORDER BY n"
_OF_SQLALCHEMY = ("prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback")
_AWAY = "The bus cannot reach PostgreSQL."


class PostgresTransport:
    """The bus by way of the database that all processes have; it carries text, and no audio.

    Args:
        url: SQLAlchemy's URL of the database.
    """

    packet_bytes = 7_900
    gather_s = 0.02
    carries_audio = False

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._arguments: dict[str, Any] = dict(parsed.get_dialect()().create_connect_args(parsed)[1])
        for name in _OF_SQLALCHEMY:
            self._arguments.pop(name, None)

    async def connect(self, address: str, received: Received) -> BusLink:
        """Connect, and listen."""
        lost = asyncio.Event()

        def hear(_: object, __: int, ___: str, payload: object) -> None:
            received(str(payload).encode())

        try:
            connection = await asyncpg.connect(**{"timeout": CONNECT_S, "command_timeout": SEND_S} | self._arguments)
            connection.add_termination_listener(lambda _: lost.set())
            for place in (EVERYBODY, address):
                await connection.add_listener(_channel(place), hear)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise TransportLost(_AWAY) from None
        return _PostgresLink(connection, lost)


class _PostgresLink:
    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", lost: asyncio.Event) -> None:
        self._connection = connection
        self._lost = lost

    async def send(self, packets: Sequence[tuple[str, bytes]]) -> None:
        places = [_channel(address) for address, _ in packets]
        try:
            await self._connection.execute(_NOTIFY, places, [packet.decode("ascii") for _, packet in packets])
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            raise TransportLost(_AWAY) from None

    async def lost(self) -> None:
        await self._lost.wait()

    async def close(self) -> None:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await self._connection.close(timeout=1)


def _channel(address: str) -> str:
    return "glow_" + re.sub(r"[^a-z0-9]", "_", address.lower())
