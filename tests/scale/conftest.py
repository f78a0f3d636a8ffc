"""Two gateways for the tests of a module, with SQLite and with PostgreSQL."""

from collections.abc import Iterator

import pytest

from tests.scale.neighbours import Gateways, neighbours
from tests.servers.postgres import postgres_running


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    folder = tmp_path_factory.mktemp("gateways")
    if request.param == "sqlite":
        with neighbours(folder) as services:
            yield services
        return
    with postgres_running() as server, neighbours(folder, database_url=server.new_database()) as services:
        yield services
