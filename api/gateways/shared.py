"""What the processes of the service share beside the database, as the settings choose it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import make_url

from api.settings import Settings
from api.settings.bus import PG
from models.errors import StoreUnavailable
from pipeline.bus.bus import Bus
from pipeline.tasks.clock import Clock
from pipeline.tasks.rate_limits import SharedBuckets


@dataclass(frozen=True, slots=True)
class Shared:
    """What is shared.

    Attributes:
        bus: brings events and requests from process to process; None where there is one process.
        buckets: count requests for all processes; None where each counts its share.
    """

    bus: Bus | None = None
    buckets: SharedBuckets | None = None


@asynccontextmanager
async def open_shared(settings: Settings, name: str, clock: Clock) -> AsyncIterator[Shared]:
    """Open what the settings name. A server that is away stops nothing: it is used once it is there.

    Args:
        name: of this process, among those of the service.

    Raises:
        StoreUnavailable: the bus cannot be had with this database, or without another extra; the message says which.
    """
    if not settings.bus_url:
        yield Shared()
        return
    async with AsyncExitStack() as stack:
        if settings.bus_url == PG:
            if make_url(settings.database_url).get_backend_name() != "postgresql":
                raise StoreUnavailable("GLOW_BUS_URL=pg needs a PostgreSQL in GLOW_DATABASE_URL.")
            from pipeline.bus.postgres import PostgresTransport

            yield Shared(await stack.enter_async_context(Bus(PostgresTransport(settings.database_url), name, clock)))
            return
        try:
            from pipeline.bus.redis import RedisTransport
            from pipeline.bus.redis_buckets import RedisBuckets
        except ImportError:
            raise StoreUnavailable(
                "GLOW_BUS_URL needs the client of Redis; install it with: pip install 'glow-voice[redis]'"
            ) from None
        buckets = RedisBuckets(settings.bus_url, clock)
        stack.push_async_callback(buckets.close)
        yield Shared(await stack.enter_async_context(Bus(RedisTransport(settings.bus_url), name, clock)), buckets)
