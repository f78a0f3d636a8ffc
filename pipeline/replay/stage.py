"""Shared state of replays: the embedded engines, loaded once, and an in-memory store."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from models import packs
from models.packs import Pack
from models.records.core import Persona, Practice, Scenario, Simulation
from models.records.lessons import Lesson
from models.store import Store
from pipeline.replay.call_file import CallFile
from pipeline.replay.place import Place
from pipeline.replay.steady_store import SteadyStore
from pipeline.tutoring.spoken import SpokenTutor
from pipeline.tutoring.tutor import Tutor
from voice.stt.base import Transcriber
from voice.stt.sphinx.engine import PocketSphinx
from voice.tts.base import Synthesizer
from voice.tts.espeak.engine import EspeakSynthesizer


class Stage:
    """The environment of replays; use it as a context manager, for any number of calls one after another.

    Args:
        transcriber, synthesizer: the engines, if not the embedded ones.
    """

    def __init__(self, transcriber: Transcriber | None = None, synthesizer: Synthesizer | None = None) -> None:
        self.transcriber = transcriber or PocketSphinx()
        self.synthesizer = synthesizer or EspeakSynthesizer()
        self._steady = SteadyStore()
        self._installed: set[str] = set()
        self._users = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self._steady)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    @property
    def store(self) -> Store:
        """The store of the replays' chats."""
        return self._steady.store

    async def place_for(self, call: CallFile) -> Place:
        """Create a chat with the call's persona, or a session with a tutor, each with a user of its own."""
        if call.lesson is not None:
            return await self._session(call.lesson)
        practice_id = call.practice_id
        if call.persona is not None:
            practice_id = await self._install_persona(call.persona)
        elif call.pack is not None and call.pack.slug not in self._installed:
            await self._install(call.pack)
            self._installed.add(call.pack.slug)
        user_id = await self._new_user()
        attempt = await self.store.start_attempt(user_id, practice_id=practice_id)
        return Place(user_id, attempt.chats[0].id)

    async def _session(self, lesson: Lesson) -> Place:
        user_id = await self._new_user()
        tutor = Tutor(self.store, [lesson])
        node = await tutor.node(user_id, lesson.node_ids[0])
        session = await self.store.add_external_chat(user_id, "tutor", subject_id=node.id)
        return Place(user_id, session.id, SpokenTutor(tutor, self.store))

    async def _new_user(self) -> str:
        self._users += 1
        return (await self.store.create_user(f"learner {self._users}")).id

    async def _install(self, pack: Pack) -> None:
        await self.store.install(
            personas=pack.personas,
            scenarios=pack.scenarios,
            simulations=pack.simulations,
            practices=pack.practices,
            documents=pack.documents,
        )

    async def _install_persona(self, persona: Persona) -> str:
        name = persona.id
        scenario = Scenario(f"{name}/scenario", persona.name, persona_ids=(persona.id,))
        simulation = Simulation(f"{name}/simulation", persona.name, scenario_ids=(scenario.id,))
        practice = Practice(f"{name}/practice", persona.name, simulation.id)
        await self.store.install(
            personas=[persona], scenarios=[scenario], simulations=[simulation], practices=[practice]
        )
        return practice.id


def demo_pack() -> Pack:
    """Load the pack that ships with the service."""
    return packs.load_pack(packs.DEMO_PACK)
