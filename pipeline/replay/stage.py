"""What replays share: the embedded engines, loaded once, and a store in memory."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from models import packs
from models.packs import Pack
from models.records import Persona, Practice, Scenario, Simulation
from models.store import Store
from pipeline.replay.call_file import CallFile
from pipeline.replay.steady_store import SteadyStore
from voice.stt.pocketsphinx import PocketSphinx
from voice.tts.espeak import EspeakSynthesizer


class Stage:
    """Use as a context manager; any number of calls can be replayed on it, one after another."""

    def __init__(self) -> None:
        self.transcriber = PocketSphinx()
        self.synthesizer = EspeakSynthesizer()
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
        """Where the chats of the replays are."""
        return self._steady.store

    async def chat_for(self, call: CallFile) -> tuple[str, str]:
        """A new chat with whom the call is about; gives the user's id and the chat's."""
        practice_id = call.practice_id
        if call.persona is not None:
            practice_id = await self._install_persona(call.persona)
        elif call.pack is not None and call.pack.slug not in self._installed:
            await self._install(call.pack)
            self._installed.add(call.pack.slug)
        self._users += 1
        user = await self.store.create_user(f"learner {self._users}")
        attempt = await self.store.start_attempt(user.id, practice_id=practice_id)
        return user.id, attempt.chats[0].id

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
    """The pack that ships with the service."""
    return packs.load_pack(packs.DEMO_PACK)
