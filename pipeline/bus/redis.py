"""Redis or Valkey carries the bus, by pub/sub, and keeps the rate limits that all processes share.

Commands of Redis 7.0 and earlier. Nothing is stored but the counters of rate limits, which expire.
"""

from collections.abc import Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from pipeline.bus.transport import EVERYBODY, BusLink, Received, TransportLost

ANSWER_S = 5.0
"""A server that does not answer a command for so long is away."""

_AWAY = "The bus cannot reach Redis."


def redis_of(url: str, answer_s: float) -> "Redis":
    """Return a client that fails at once, rather than trying again unnoticed.

    Args:
        url: redis://, rediss:// or unix://.
        answer_s: how long a command may take.
    """
    once = Retry(NoBackoff(), 0)
    client: Redis = Redis.from_url(url, retry=once, socket_connect_timeout=answer_s, socket_timeout=answer_s)
    return client


def prefix_of(client: "Redis") -> str:
    """Return what the names of channels and keys begin with: services that share a server take databases of their own.

    Channels are the same in all databases of a server.
    """
    return f"glow:{client.connection_pool.connection_kwargs.get('db') or 0}:"


class RedisTransport:
    """The bus by way of a Redis server.

    Args:
        url: redis://, rediss:// or unix://, with the password, if any.
    """

    packet_bytes = 2 * 1024 * 1024
    gather_s = 0.002
    carries_audio = True

    def __init__(self, url: str) -> None:
        self._url = url

    async def connect(self, address: str, received: Received) -> BusLink:
        """Connect, and listen."""
        client = redis_of(self._url, ANSWER_S)
        prefix = prefix_of(client)
        link = _RedisLink(client, client.pubsub(ignore_subscribe_messages=True), prefix, received)
        try:
            await link.listen(EVERYBODY, address)
        except (RedisError, OSError, TimeoutError):
            await link.close()
            raise TransportLost(_AWAY) from None
        return link


class _RedisLink:
    def __init__(self, client: "Redis", heard: PubSub, prefix: str, received: Received) -> None:
        self._client = client
        self._heard = heard
        self._prefix = prefix
        self._received = received

    async def listen(self, *addresses: str) -> None:
        await self._heard.subscribe(*(self._prefix + address for address in addresses))

    async def send(self, packets: Sequence[tuple[str, bytes]]) -> None:
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for address, packet in packets:
                    pipeline.publish(self._prefix + address, packet)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            raise TransportLost(_AWAY) from None

    async def lost(self) -> None:
        try:
            while True:
                message = await self._heard.get_message(timeout=None)
                if message is not None:
                    self._received(message["data"])
        except (RedisError, OSError, TimeoutError):
            return

    async def close(self) -> None:
        with suppress(RedisError, OSError, TimeoutError):
            await self._heard.aclose()  # type: ignore[no-untyped-call]
        with suppress(RedisError, OSError, TimeoutError):
            await self._client.aclose()
