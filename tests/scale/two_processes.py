"""Two gateways of one service, each a process, with SQLite and with PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.scale.callers import gateways
from tests.servers.postgres import postgres_running
from tests.servers.process import ServiceProcess


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServiceProcess]]:
    """Two gateways, whose address has no limit of connections, as all callers have one."""
    folder = tmp_path_factory.mktemp("gateways")
    wide = {"max_calls": "300", "connections_per_address": "0"}
    if request.param == "sqlite":
        with gateways(folder, **wide) as services:
            yield services
        return
    with postgres_running() as server, gateways(folder, database_url=server.new_database(), **wide) as services:
        yield services
