"""What a caller may begin: the practices open to it, with the personas of each."""

from collections.abc import Collection
from dataclasses import dataclass

from models.records.core import Persona, Practice, Scenario, Simulation
from models.store import Store


@dataclass(frozen=True, slots=True)
class OfferedChat:
    """A chat of a practice, before it is begun.

    Attributes:
        position: its place among the practice's chats, from 0.
    """

    position: int
    scenario: Scenario
    personas: tuple[Persona, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A practice, and the chats that an attempt at it has."""

    practice: Practice
    simulation: Simulation
    chats: tuple[OfferedChat, ...]


class Offers:
    """Lists what a caller may begin.

    Args:
        store: where content is.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def to(
        self, user_id: str, *, practice_ids: Collection[str] = (), persona_id: str | None = None
    ) -> list[Offer]:
        """List the practices that a user may start, by name.

        Args:
            practice_ids: the only ones that its token is for; empty for all.
            persona_id: the only persona that its token is for; chats with others are left out.
        """
        offered = []
        for practice in await self._store.find_entries(user_id, "practice"):
            if practice_ids and practice.id not in practice_ids:
                continue
            simulation = await self._store.simulation(practice.simulation_id)
            chats = [await self._chat(place, ident) for place, ident in enumerate(simulation.scenario_ids)]
            if persona_id is not None:
                chats = [chat for chat in chats if persona_id in chat.scenario.persona_ids]
            if chats:
                offered.append(Offer(practice, simulation, tuple(chats)))
        return offered

    async def _chat(self, position: int, scenario_id: str) -> OfferedChat:
        scenario = await self._store.scenario(scenario_id)
        personas = [await self._store.persona(ident) for ident in scenario.persona_ids]
        return OfferedChat(position, scenario, tuple(personas))
