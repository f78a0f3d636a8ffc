"""The room as a fixture, and what runs a story in it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.practice.place import Place, install, opened

Run = Callable[..., Any]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a story, all of a test's on one loop."""
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with the content in it, to copy rather than to make for each test."""
    file = tmp_path_factory.mktemp("installed") / "glow.db"
    asyncio.run(install(file))
    return file


@pytest.fixture
def place(run: Run, tmp_path: Path, installed: Path) -> Iterator[Place]:
    """The room."""
    stack = AsyncExitStack()
    yield run(stack.enter_async_context(opened(tmp_path, installed)))
    run(stack.aclose())
