"""A service with two ports, for all tests of this folder."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.service import WAIT_S, RunningService, running


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(tmp_path_factory.mktemp("home"), wyoming="0,0=ruth-penhallow") as started:
        asyncio.run_coroutine_threadsafe(started.inside.ready.wait(), started.loop).result(WAIT_S)
        yield started


@pytest.fixture(scope="session")
def port(home: RunningService) -> int:
    """The port of Ruth Penhallow."""
    return int(home.app.state.wyoming_ports[1].number)
