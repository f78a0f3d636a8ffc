"""A store in a real file, with a little content in it and a clock that ticks a second each time it is read."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from models.records.core import Attempt, Cue, Document, Persona, Practice, Scenario, Simulation, User, VoiceProfile
from models.store import Store

Run = Callable[..., Any]

START = datetime(2030, 1, 1, tzinfo=UTC)

CONTENT: dict[str, Any] = {
    "personas": [
        Persona(
            "mo",
            "Mo",
            instructions="Be late.",
            greeting="Sorry!",
            voice=VoiceProfile({"espeak": "en-gb"}, rate=1.2, pitch=0.9, language="en-GB"),
            cues=(
                Cue("why", ("why", "how come"), ("The bus.", "The bus, again."), after=("hello",), once=True),
                Cue("bye", ("bye",), ("Bye.",), ends_call=True),
                Cue("boss", ("boss",), ("Wait.",), transfer="boss"),
            ),
            fallbacks=("Hm.", "Well."),
        ),
        Persona("lee", "Lee"),
    ],
    "documents": [Document("rules", "House rules", text="Be on time."), Document("map", "Map")],
    "scenarios": [
        Scenario(
            "late", "Mo is late", objectives=("ask", "agree"), persona_ids=("mo", "lee"), document_ids=("rules", "map")
        ),
        Scenario("left", "Lee left early", persona_ids=("lee",)),
    ],
    "simulations": [Simulation("desk", "The front desk", scenario_ids=("left", "late"))],
    "practices": [Practice("p1", "Practise", "desk"), Practice("h1", "Assigned", "desk", "home")],
}


@pytest.fixture
def run() -> Iterator[Run]:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "not yet there" / "glow.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed database with the content in it, to copy rather than to make for each test."""
    path = tmp_path_factory.mktemp("installed") / "glow.db"

    async def install() -> None:
        async with Store(f"sqlite+aiosqlite:///{path}") as store:
            await store.install(**CONTENT)

    asyncio.run(install())
    return path


@pytest.fixture
def store(run: Run, installed: Path, path: Path, url: str) -> Iterator[Store]:
    seconds = count()
    path.parent.mkdir()
    shutil.copy(installed, path)
    store = Store(url, now=lambda: START + timedelta(seconds=next(seconds)))
    run(store.open())
    yield store
    run(store.close())


@pytest.fixture
def ada(run: Run, store: Store) -> User:
    return run(store.create_user("ada"))


@pytest.fixture
def attempt(run: Run, store: Store, ada: User) -> Attempt:
    return run(store.start_attempt(ada.id, practice_id="p1"))


@pytest.fixture
def chat_id(attempt: Attempt) -> str:
    """The chat with Mo, who is late."""
    return attempt.chats[1].id
