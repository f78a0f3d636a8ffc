"""Personas, documents, scenarios, simulations and practices as rows, and their conversion to records."""

from dataclasses import asdict
from typing import Any, Self, cast

from sqlalchemy import JSON, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.records.core import (
    Cue,
    Document,
    DocumentQuestion,
    Persona,
    Practice,
    Scenario,
    Simulation,
    Steer,
    Utterance,
    VoiceProfile,
)
from models.records.tools import PersonaTool
from models.tables.base import Base, PracticeKind


class PersonaRow(Base):
    __tablename__ = "personas"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    instructions: Mapped[str]
    greeting: Mapped[str]
    icon: Mapped[str]
    color: Mapped[str]
    voice: Mapped[dict[str, Any]]
    cues: Mapped[list[dict[str, Any]]]
    fallbacks: Mapped[list[str]]
    reactions: Mapped[dict[str, Any]]
    steers: Mapped[list[dict[str, Any]]]
    tools: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    waiting: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[str | None]

    @classmethod
    def of(cls, persona: Persona) -> Self:
        voice = persona.voice
        return cls(
            id=persona.id,
            name=persona.name,
            description=persona.description,
            instructions=persona.instructions,
            greeting=persona.greeting,
            icon=persona.icon,
            color=persona.color,
            # asdict() cannot deep-copy a read-only mapping.
            voice={
                "names": dict(voice.names),
                "rate": voice.rate,
                "pitch": voice.pitch,
                "language": voice.language,
            },
            cues=[asdict(cue) for cue in persona.cues],
            fallbacks=list(persona.fallbacks),
            reactions={said: list(lines) for said, lines in persona.reactions.items()},
            steers=[asdict(steer) for steer in persona.steers],
            tools=[asdict(tool) for tool in persona.tools],
            waiting=persona.waiting,
            owner_id=persona.owner_id,
        )

    def record(self) -> Persona:
        return Persona(
            id=self.id,
            name=self.name,
            description=self.description,
            instructions=self.instructions,
            greeting=self.greeting,
            icon=self.icon,
            color=self.color,
            voice=VoiceProfile(**self.voice),
            # JSON has lists for tuples. Older rows lack what cues could not do then.
            cues=tuple(Cue(**{key: _frozen(value) for key, value in cue.items()}) for cue in self.cues),
            fallbacks=tuple(self.fallbacks),
            owner_id=self.owner_id,
            reactions={cast(Utterance, said): tuple(lines) for said, lines in self.reactions.items()},
            steers=tuple(Steer(steer["say"], tuple(steer["unless"])) for steer in self.steers),
            tools=tuple(PersonaTool(**tool) for tool in self.tools),
            waiting=self.waiting,
        )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class DocumentRow(Base):
    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    text: Mapped[str]
    owner_id: Mapped[str | None]
    questions: Mapped[list[list[str]]] = mapped_column(JSON)

    @classmethod
    def of(cls, document: Document) -> Self:
        return cls(
            id=document.id,
            name=document.name,
            description=document.description,
            text=document.text,
            owner_id=document.owner_id,
            questions=[list(question) for question in document.questions],
        )

    def record(self) -> Document:
        questions = tuple(map(DocumentQuestion._make, self.questions))
        return Document(self.id, self.name, self.description, self.text, self.owner_id, questions)


class ScenarioPersonaRow(Base):
    __tablename__ = "scenario_personas"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    persona_id: Mapped[str] = mapped_column(ForeignKey("personas.id"))


class ScenarioDocumentRow(Base):
    __tablename__ = "scenario_documents"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id"))


class ScenarioRow(Base):
    __tablename__ = "scenarios"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    problem_statement: Mapped[str]
    objectives: Mapped[list[str]]
    resources: Mapped[dict[str, Any]]
    owner_id: Mapped[str | None]
    personas: Mapped[list[ScenarioPersonaRow]] = relationship(
        order_by=ScenarioPersonaRow.position, cascade="all, delete-orphan", lazy="selectin"
    )
    documents: Mapped[list[ScenarioDocumentRow]] = relationship(
        order_by=ScenarioDocumentRow.position, cascade="all, delete-orphan", lazy="selectin"
    )

    @classmethod
    def of(cls, scenario: Scenario) -> Self:
        return cls(
            id=scenario.id,
            name=scenario.name,
            description=scenario.description,
            problem_statement=scenario.problem_statement,
            objectives=list(scenario.objectives),
            resources={kind: list(ids) for kind, ids in scenario.resources.items()},
            owner_id=scenario.owner_id,
            personas=[
                ScenarioPersonaRow(scenario_id=scenario.id, position=position, persona_id=persona_id)
                for position, persona_id in enumerate(scenario.persona_ids)
            ],
            documents=[
                ScenarioDocumentRow(scenario_id=scenario.id, position=position, document_id=document_id)
                for position, document_id in enumerate(scenario.document_ids)
            ],
        )

    def record(
        self, persona_ids: tuple[str, ...] | None = None, document_ids: tuple[str, ...] | None = None
    ) -> Scenario:
        """Convert the row to a scenario; without the ids they are loaded with the row."""
        return Scenario(
            id=self.id,
            name=self.name,
            description=self.description,
            problem_statement=self.problem_statement,
            objectives=tuple(self.objectives),
            persona_ids=tuple(link.persona_id for link in self.personas) if persona_ids is None else persona_ids,
            document_ids=tuple(link.document_id for link in self.documents) if document_ids is None else document_ids,
            resources={kind: tuple(ids) for kind, ids in self.resources.items()},
            owner_id=self.owner_id,
        )


class SimulationScenarioRow(Base):
    __tablename__ = "simulation_scenarios"

    simulation_id: Mapped[str] = mapped_column(ForeignKey("simulations.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))


class SimulationRow(Base):
    __tablename__ = "simulations"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    rubric_id: Mapped[str | None]
    time_limit_s: Mapped[int | None]
    owner_id: Mapped[str | None]
    scenarios: Mapped[list[SimulationScenarioRow]] = relationship(
        order_by=SimulationScenarioRow.position, cascade="all, delete-orphan", lazy="selectin"
    )

    @classmethod
    def of(cls, simulation: Simulation) -> Self:
        return cls(
            id=simulation.id,
            name=simulation.name,
            description=simulation.description,
            rubric_id=simulation.rubric_id,
            time_limit_s=simulation.time_limit_s,
            owner_id=simulation.owner_id,
            scenarios=[
                SimulationScenarioRow(simulation_id=simulation.id, position=position, scenario_id=scenario_id)
                for position, scenario_id in enumerate(simulation.scenario_ids)
            ],
        )

    def record(self) -> Simulation:
        return Simulation(
            id=self.id,
            name=self.name,
            description=self.description,
            scenario_ids=tuple(link.scenario_id for link in self.scenarios),
            rubric_id=self.rubric_id,
            time_limit_s=self.time_limit_s,
            owner_id=self.owner_id,
        )


class PracticeRow(Base):
    __tablename__ = "practices"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    simulation_id: Mapped[str] = mapped_column(ForeignKey("simulations.id"))
    kind: Mapped[PracticeKind]
    cohort_ids: Mapped[list[str]]
    owner_id: Mapped[str | None]

    @classmethod
    def of(cls, practice: Practice) -> Self:
        return cls(
            id=practice.id,
            name=practice.name,
            simulation_id=practice.simulation_id,
            kind=practice.kind,
            cohort_ids=list(practice.cohort_ids),
            owner_id=practice.owner_id,
        )

    def record(self) -> Practice:
        return Practice(self.id, self.name, self.simulation_id, self.kind, tuple(self.cohort_ids), self.owner_id)
