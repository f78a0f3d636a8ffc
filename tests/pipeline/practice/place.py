"""A practice room: two scenarios, the scripted persona, a coach that counts, a clock to put forward."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from models.files import Files
from models.records.core import Attempt, Cue, Document, Persona, Practice, Scenario, Simulation, User
from models.records.resources import Resource
from models.store import Store
from pipeline.call.recording import Recordings
from pipeline.call.registry import CallLimits, Calls
from pipeline.chats.chats import Chats
from pipeline.chats.hub import Hub, Subscription, user_feed
from pipeline.chats.hub_event import HubEvent
from pipeline.coach.coach import Assessment, CoachingTask
from pipeline.coach.rules import RuleCoach
from pipeline.practice.authoring import Author
from pipeline.practice.installed_packs import InstalledPacks
from pipeline.practice.practice import Decisions
from pipeline.tasks.background import Background
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import engines

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)

LIMIT_S = 600
"""Seconds of a chat at the desk."""

CONTENT: dict[str, Any] = {
    "personas": [Persona("mo", "Mo", cues=(Cue("late", ("late",), ("The bus was late.",)),)), Persona("lee", "Lee")],
    "documents": [Document("rules", "House rules", text="Be on time.")],
    "resources": [
        Resource("q1", "question", "When?"),
        Resource("o1", "option", "At nine", data={"question_id": "q1", "is_correct": True, "position": 0}),
        Resource("o2", "option", "At ten", data={"question_id": "q1", "is_correct": False, "position": 1}),
        Resource("b1", "benchmark", "Mornings", data={
            "simulation_id": "desk",
            "scenario_id": "late",
            "runs": [
                {"id": "r1", "name": "short", "lines": ["Why are you late?"]},
                {"id": "r2", "name": "longer", "lines": ["Why are you late?", "And tomorrow?"]},
            ],
        }),
    ],
    "scenarios": [
        Scenario(
            "late", "Mo is late", objectives=("Ask about the bus.",), persona_ids=("mo",), document_ids=("rules",),
            resources={"question": ("q1",)},
        ),
        Scenario("left", "Lee left early", persona_ids=("lee",)),
    ],
    "simulations": [Simulation("desk", "The desk", scenario_ids=("late", "left"), time_limit_s=LIMIT_S)],
    "practices": [Practice("p1", "Mornings", "desk")],
}  # fmt: skip


class CountingCoach(RuleCoach):
    """The coach of rules; counts how often it was asked."""

    asked = 0

    async def assess(self, lesson: CoachingTask) -> Assessment:
        """As the rule does."""
        self.asked += 1
        return await super().assess(lesson)

    async def hints(self, lesson: CoachingTask) -> tuple[str, ...]:
        """As the rule does."""
        self.asked += 1
        return await super().hints(lesson)


@dataclass
class Place:
    """Everything that a test asks for."""

    store: Store
    practice: Decisions
    hub: Hub
    chats: Chats
    calls: Calls
    background: Background
    coach: CountingCoach
    ada: User
    bob: User
    feed: Subscription
    passed_s: list[float] = field(default_factory=list)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.passed_s.append(seconds)

    async def start(self, **chosen: Any) -> Attempt:
        """A fresh attempt of ada's."""
        return await self.practice.attempts.start(self.ada.id, practice_id="p1", **chosen)

    async def say(self, chat_id: str, *texts: str) -> list[str]:
        """Ada's messages, which nobody answers; returns their ids."""
        return [(await self.chats.message(self.ada.id, chat_id, text, generate=False)).message_id for text in texts]

    async def told(self) -> list[HubEvent]:
        """What was told since the last time."""
        self.feed.close()
        events = [event async for event in self.feed]
        self.feed = self.hub.subscribe([user_feed(self.ada.id)])
        return events

    async def names(self) -> list[str]:
        """The names of what was told since the last time."""
        return [event.name for event in await self.told()]


async def install(file: Path) -> None:
    """Make a database with the content in it, and close it."""
    async with Store(f"sqlite+aiosqlite:///{file}") as store:
        await store.install(**CONTENT)


@asynccontextmanager
async def opened(
    folder: Path,
    installed: Path,
    *,
    max_calls: int = 100,
    packs: Sequence[Path] = (),
    author: Author | None = None,
    **chosen: Any,
) -> AsyncIterator[Place]:
    """The room in a folder, on a copy of an installed database, for the length of the block."""
    passed: list[float] = []
    ticks, numbers = count(), count(1)

    def now() -> datetime:
        return NOON + timedelta(seconds=sum(passed), milliseconds=next(ticks))

    def new_id() -> str:
        return f"new-{next(numbers)}"

    async with AsyncExitStack() as stack:
        file = shutil.copy(installed, folder)
        store = await stack.enter_async_context(Store(f"sqlite+aiosqlite:///{file}", now=now))
        parts = engines(**chosen)
        calls = await stack.enter_async_context(Calls(parts, store, LoopClock(), CallLimits(max_calls), new_id))
        hub, coach = Hub(store.now, new_id), CountingCoach()
        chats = await stack.enter_async_context(Chats(parts.responder, store, calls, new_id, hub))
        files = Files(folder)
        recordings = await stack.enter_async_context(Recordings(calls, files, LoopClock()))
        background = await stack.enter_async_context(Background())
        practice = Decisions(
            store=store, files=files, chats=chats, calls=calls, recordings=recordings, coach=coach, hub=hub,
            background=background, stt=parts.stt, author=author,
            packs=InstalledPacks(store, packs), new_id=new_id,
        )  # fmt: skip
        ada, bob = await store.create_user("ada"), await store.create_user("bob")
        feed = hub.subscribe([user_feed(ada.id)])
        yield Place(store, practice, hub, chats, calls, background, coach, ada, bob, feed, passed)
