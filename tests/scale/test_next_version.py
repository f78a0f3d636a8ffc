"""One deploy forth and back: gateways of this version beside those of the next, on the schema that it has expanded."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from models.store import Store
from tests.models.next_version import KNOWN, NEXT, newer_code
from tests.scale.balancer import balanced
from tests.scale.callers import Caller, callers, checked, ended, further_words, gateways
from tests.scale.sizes import whole_only
from tests.servers.postgres import postgres_running
from tests.servers.process import ServiceProcess

pytestmark = pytest.mark.slow

CALLERS = 3


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=whole_only)])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[ServiceProcess]]:
    """Two gateways of this version, which break off what is being said after a second."""
    if request.param == "sqlite":
        with gateways(tmp_path, drain_s="1") as services:
            yield services
        return
    with postgres_running() as server, gateways(tmp_path, database_url=server.new_database(), drain_s="1") as services:
        yield services


async def revision(gateway: ServiceProcess) -> str:
    """The revision of the database's schema."""
    async with Store(gateway.database_url) as store, store._reading() as session:
        return str(await session.scalar(text("SELECT version_num FROM alembic_version")))


def test_both_versions_serve_through_a_deploy_and_its_rollback(pair: list[ServiceProcess], tmp_path: Path) -> None:
    async def story() -> list[Caller]:
        newer = newer_code(tmp_path)
        urls = [gateway.url for gateway in pair]
        async with balanced(urls) as balancer, callers(balancer.url, CALLERS) as made:
            await further_words(made, 1)
            assert await revision(pair[0]) == KNOWN
            for code in (newer, None):
                for gateway in pair:
                    gateway.code = code
                    assert await ended(gateway, signal.SIGTERM) == 0
                    assert await revision(gateway) == NEXT, "the old version leaves it as it is"
                    await further_words(made, 1)
        return made

    made = asyncio.run(story())
    for gateway in pair:
        checked(gateway.url, made)
        assert "Traceback" not in gateway.log()
