"""Content: `<artifact>_search`, `_get` and `_create` for everything that a chat is made of.

What a user creates is their own: others see it only through a home or practice that is open to them.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from api.doors.glow.operations.chats import shown
from api.doors.glow.operations.shapes import DocumentItem
from api.doors.glow.operations.shapes_content import (
    DocumentDetail,
    DocumentFound,
    DocumentsFound,
    GetBody,
    HomeItem,
    HomesFound,
    NewDocument,
    NewEntry,
    NewPersona,
    NewScenario,
    NewSimulation,
    PersonaDetail,
    PersonasFound,
    PracticeItem,
    PracticesFound,
    ScenarioDetail,
    ScenariosFound,
    SearchBody,
    SimulationDetail,
    SimulationsFound,
    VoiceItem,
)
from api.doors.glow.operations.shapes_criteria import CriterionItem
from api.service import Service
from models.records.core import Document, Persona, Practice, Scenario, Simulation, User, VoiceProfile
from models.records.criteria import Criterion
from pipeline.practice.content import found_one
from pipeline.practice.selection import OF_SCENARIO

Item = TypeVar("Item")


def page(found: Sequence[Item], body: SearchBody) -> Sequence[Item]:
    """Return the requested page of what was found."""
    return found[body.page_offset : body.page_offset + body.page_limit]


# ------------------------------------------------------------------ personas


async def persona_search(service: Service, user: User, body: SearchBody) -> PersonasFound:
    """Search the personas that the user may choose."""
    found = await service.store.find_personas(user.id, body.search or "", body.ids)
    return PersonasFound(total=len(found), personas=[shown("persona", item) for item in page(found, body)])


async def persona_get(service: Service, user: User, body: GetBody) -> PersonaDetail:
    """Get a persona with its instructions and voice."""
    return _persona(found_one(await service.store.find_personas(user.id, ids=[body.id]), "Persona"))


async def persona_create(service: Service, user: User, body: NewPersona) -> PersonaDetail:
    """Create a persona of the user's own."""
    voice = VoiceProfile(
        {str(engine): name for engine, name in body.voice.names.items()},
        body.voice.rate,
        body.voice.pitch,
        body.voice.language,
    )
    persona = Persona(
        id=service.practice.new_id(),
        name=body.name,
        description=body.description,
        instructions=body.instructions,
        greeting=body.greeting,
        icon=body.icon,
        color=body.color,
        voice=voice,
        owner_id=user.id,
    )
    await service.store.install(personas=[persona])
    return _persona(persona)


def _persona(item: Persona) -> PersonaDetail:
    voice = item.voice
    sound = VoiceItem.model_validate(
        {"names": dict(voice.names), "rate": voice.rate, "pitch": voice.pitch, "language": voice.language}
    )
    return PersonaDetail(
        persona_id=item.id,
        name=item.name,
        description=item.description,
        icon=item.icon,
        color=item.color,
        selected=False,
        instructions=item.instructions,
        greeting=item.greeting,
        voice=sound,
    )


# ----------------------------------------------------------------- documents


async def document_search(service: Service, user: User, body: SearchBody) -> DocumentsFound:
    """Search documents by the words of their text, best first."""
    search = body.search or ""
    found = await service.store.find_documents(user.id, search, body.ids)
    snippets = await service.store.document_snippets(search) if search.strip() else {}
    return DocumentsFound(
        total=len(found),
        documents=[
            DocumentFound(**_document(item).model_dump(), snippet=snippets.get(item.id, ""))
            for item in page(found, body)
        ],
    )


async def document_get(service: Service, user: User, body: GetBody) -> DocumentDetail:
    """Get a document with its text."""
    item = found_one(await service.store.find_documents(user.id, ids=[body.id]), "Document")
    return DocumentDetail(**_document(item).model_dump(), text=item.text)


async def document_create(service: Service, user: User, body: NewDocument) -> DocumentDetail:
    """Create a document of the user's own, text or Markdown."""
    item = Document(service.practice.new_id(), body.name, body.description, body.text, user.id)
    await service.store.install(documents=[item])
    return DocumentDetail(**_document(item).model_dump(), text=item.text)


def _document(item: Document) -> DocumentItem:
    return DocumentItem(
        document_id=item.id, name=item.name, description=item.description, text_id=item.id, selected=False
    )


# ------------------------------------------------- scenarios and simulations


async def scenario_search(service: Service, user: User, body: SearchBody) -> ScenariosFound:
    """Search the scenarios that the user may choose."""
    found = await service.store.find_scenarios(user.id, body.search or "", body.ids)
    return ScenariosFound(total=len(found), scenarios=[shown("scenario", item) for item in page(found, body)])


async def scenario_get(service: Service, user: User, body: GetBody) -> ScenarioDetail:
    """Get a scenario with its texts and resources."""
    scenario = found_one(await service.store.find_scenarios(user.id, ids=[body.id]), "Scenario")
    return _scenario(scenario, await service.practice.content.criteria(user.id, scenario))


async def scenario_create(service: Service, user: User, body: NewScenario) -> ScenarioDetail:
    """Create a scenario of the user's own."""
    criteria = [item.criterion() for item in body.objectives if not isinstance(item, str)]
    resources = {kind: tuple(getattr(body, f"{kind}_ids")) for kind in OF_SCENARIO}
    scenario = Scenario(
        id=service.practice.new_id(),
        name=body.name,
        description=body.description,
        problem_statement=body.problem_statement,
        objectives=tuple(item if isinstance(item, str) else item.text for item in body.objectives),
        persona_ids=tuple(dict.fromkeys(body.persona_ids)),
        document_ids=tuple(dict.fromkeys(body.document_ids)),
        resources={kind: ids for kind, ids in resources.items() if ids},
        owner_id=user.id,
    )
    kept = await service.practice.content.add_scenario(user.id, scenario, criteria)
    return _scenario(kept, criteria)


def _scenario(item: Scenario, criteria: Sequence[Criterion]) -> ScenarioDetail:
    chosen: dict[str, Any] = {f"{kind}_ids": list(item.resources.get(kind, ())) for kind in OF_SCENARIO}
    return ScenarioDetail(
        scenario_id=item.id,
        name=item.name,
        description=item.description,
        selected=False,
        problem_statement=item.problem_statement,
        objectives=list(item.objectives),
        criteria=[CriterionItem.of(criterion) for criterion in criteria],
        persona_ids=list(item.persona_ids),
        document_ids=list(item.document_ids),
        **chosen,
    )


async def simulation_search(service: Service, user: User, body: SearchBody) -> SimulationsFound:
    """Search the simulations that the user may choose."""
    found = await service.store.find_simulations(user.id, body.search or "", body.ids)
    return SimulationsFound(total=len(found), simulations=[_simulation(item) for item in page(found, body)])


async def simulation_get(service: Service, user: User, body: GetBody) -> SimulationDetail:
    """Get a simulation."""
    return _simulation(found_one(await service.store.find_simulations(user.id, ids=[body.id]), "Simulation"))


async def simulation_create(service: Service, user: User, body: NewSimulation) -> SimulationDetail:
    """Create a simulation of the user's own: a sequence of scenarios, with a rubric and a time limit."""
    simulation = Simulation(
        id=service.practice.new_id(),
        name=body.name,
        description=body.description,
        scenario_ids=tuple(body.scenario_ids),
        rubric_id=body.rubric_id,
        time_limit_s=body.time_limit_seconds,
        owner_id=user.id,
    )
    await service.practice.content.add_simulation(user.id, simulation)
    return _simulation(simulation)


def _simulation(item: Simulation) -> SimulationDetail:
    return SimulationDetail(
        simulation_id=item.id,
        name=item.name,
        description=item.description,
        scenario_ids=list(item.scenario_ids),
        rubric_id=item.rubric_id,
        time_limit_seconds=item.time_limit_s,
    )


# ---------------------------------------------------- practices and homes


async def practice_search(service: Service, user: User, body: SearchBody) -> PracticesFound:
    """Search the practices open to the user; `home_search` finds the assigned ones."""
    found = await service.store.find_entries(user.id, "practice", body.search or "")
    found = [item for item in found if body.ids is None or item.id in body.ids]
    found.sort(key=lambda item: (item.name, item.id))
    return PracticesFound(total=len(found), practices=[_practice(item) for item in page(found, body)])


async def practice_get(service: Service, user: User, body: GetBody) -> PracticeItem:
    """Get a practice."""
    entries = await service.store.find_entries(user.id, "practice")
    return _practice(found_one([item for item in entries if item.id == body.id], "Practice entry"))


async def practice_create(service: Service, user: User, body: NewEntry) -> PracticeItem:
    """Create a practice of the user's own, open to its cohorts."""
    entry = _entry(service, user, body, "practice")
    await service.practice.content.add_entry(user.id, entry)
    return _practice(entry)


async def home_search(service: Service, user: User, body: SearchBody) -> HomesFound:
    """Search the homes assigned to the user."""
    found = await service.store.find_entries(user.id, "home", body.search or "")
    found = [item for item in found if body.ids is None or item.id in body.ids]
    return HomesFound(total=len(found), homes=[_home(item) for item in page(found, body)])


async def home_get(service: Service, user: User, body: GetBody) -> HomeItem:
    """Get a home."""
    entries = await service.store.find_entries(user.id, "home")
    return _home(found_one([item for item in entries if item.id == body.id], "Home entry"))


async def home_create(service: Service, user: User, body: NewEntry) -> HomeItem:
    """Create a home: a simulation assigned to cohorts."""
    entry = _entry(service, user, body, "home")
    await service.practice.content.add_entry(user.id, entry)
    return _home(entry)


def _entry(service: Service, user: User, body: NewEntry, kind: Literal["practice", "home"]) -> Practice:
    return Practice(service.practice.new_id(), body.name, body.simulation_id, kind, tuple(body.cohort_ids), user.id)


def _practice(item: Practice) -> PracticeItem:
    return PracticeItem(
        practice_id=item.id,
        name=item.name,
        simulation_id=item.simulation_id,
        kind=item.kind,
        cohort_ids=list(item.cohort_ids),
    )


def _home(item: Practice) -> HomeItem:
    return HomeItem(
        home_id=item.id,
        name=item.name,
        simulation_id=item.simulation_id,
        kind=item.kind,
        cohort_ids=list(item.cohort_ids),
    )
