"""Content from packs: personas, scenarios, simulations, practices and documents."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.errors import Invalid, NotFound
from models.records.core import Document, Persona, Practice, Scenario, Simulation
from models.records.resources import Resource, texts_of
from models.store.database import Database, shielded, take_write_lock
from models.tables.content import DocumentRow, PersonaRow, PracticeRow, ScenarioRow, SimulationRow
from models.tables.practice import ResourceRow

Record_co = TypeVar("Record_co", covariant=True)


class ContentRow(Protocol[Record_co]):
    id: Any
    name: Any

    def record(self) -> Record_co: ...


def _bring(session: Session, rows: list[Any]) -> None:
    if not rows:
        return
    kind = type(rows[0])
    # Read together, as merge would look for each by itself.
    held = {row.id: row for row in session.scalars(select(kind).where(kind.id.in_([row.id for row in rows])))}
    for row in rows:
        if row.id in held:
            session.merge(row)
        else:
            held[row.id] = row
            session.add(row)
    session.flush()


class ContentStore(Database):
    @shielded
    async def install(
        self,
        *,
        personas: Sequence[Persona] = (),
        scenarios: Sequence[Scenario] = (),
        simulations: Sequence[Simulation] = (),
        practices: Sequence[Practice] = (),
        documents: Sequence[Document] = (),
        resources: Sequence[Resource] = (),
    ) -> None:
        """Install content atomically, replacing records with the same id. Nothing is removed: chats may refer to it.

        Raises:
            Invalid: something refers to a record that is neither given nor installed.
        """
        texts = (text for scenario in scenarios for text in texts_of(scenario))
        # In the order of references.
        kinds: tuple[list[Any], ...] = (
            [ResourceRow.of(resource) for resource in (*resources, *texts)],
            [PersonaRow.of(persona) for persona in personas],
            [DocumentRow.of(document) for document in documents],
            [ScenarioRow.of(scenario) for scenario in scenarios],
            [SimulationRow.of(simulation) for simulation in simulations],
            [PracticeRow.of(practice) for practice in practices],
        )
        try:
            async with self._writing() as session:
                # Two concurrent installations of the same record would both find it missing.
                await take_write_lock(session)
                for rows in kinds:
                    await session.run_sync(_bring, rows)
        except IntegrityError as error:
            raise Invalid(
                "The content refers to a persona, document, scenario or simulation that is neither in it nor "
                "installed: add it, or correct the id."
            ) from error

    async def personas(self) -> tuple[Persona, ...]:
        """List all personas, by name."""
        return await self._all(PersonaRow)

    async def documents(self) -> tuple[Document, ...]:
        """List all documents, by name."""
        return await self._all(DocumentRow)

    async def scenarios(self) -> tuple[Scenario, ...]:
        """List all scenarios, by name."""
        return await self._all(ScenarioRow)

    async def simulations(self) -> tuple[Simulation, ...]:
        """List all simulations, by name."""
        return await self._all(SimulationRow)

    async def practices(self) -> tuple[Practice, ...]:
        """List all practices and homes, by name."""
        return await self._all(PracticeRow)

    async def persona(self, persona_id: str) -> Persona:
        """Return a persona; raise NotFound for an unknown id."""
        return await self._one(PersonaRow, persona_id, "Persona")

    async def document(self, document_id: str) -> Document:
        """Return a document; raise NotFound for an unknown id."""
        return await self._one(DocumentRow, document_id, "Document")

    async def scenario(self, scenario_id: str) -> Scenario:
        """Return a scenario; raise NotFound for an unknown id."""
        return await self._one(ScenarioRow, scenario_id, "Scenario")

    async def simulation(self, simulation_id: str) -> Simulation:
        """Return a simulation; raise NotFound for an unknown id."""
        return await self._one(SimulationRow, simulation_id, "Simulation")

    async def practice(self, practice_id: str) -> Practice:
        """Return a practice or a home; raise NotFound for an unknown id."""
        return await self._one(PracticeRow, practice_id, "Practice entry")

    @shielded
    async def _all(self, kind: type[ContentRow[Record_co]]) -> tuple[Record_co, ...]:
        async with self._reading() as session:
            return tuple(row.record() for row in await session.scalars(select(kind).order_by(kind.name, kind.id)))

    @shielded
    async def _one(self, kind: type[ContentRow[Record_co]], record_id: str, name: str) -> Record_co:
        async with self._reading() as session:
            row = await session.get(kind, record_id)
            if row is None:
                raise NotFound(f"{name} not found.")
            return row.record()
