"""What the tests of the bus share: each of them runs over PostgreSQL and over Redis."""

from collections.abc import Iterator

import pytest

from pipeline.bus.postgres import PostgresTransport
from pipeline.bus.redis import RedisTransport
from tests.pipeline.bus.places import Place
from tests.servers.postgres import postgres_running
from tests.servers.redis import redis_running


@pytest.fixture(params=["pg", "redis"], scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "pg":
        with postgres_running() as server:
            url = server.new_database()
            yield Place(lambda: PostgresTransport(url), server.away)
    else:
        with redis_running() as redis:
            yield Place(lambda: RedisTransport(redis.url), redis.away)
