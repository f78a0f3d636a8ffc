"""A user's own content: the rules of its references, and of rubrics, questions and benchmarks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from models.errors import Invalid, NotFound
from models.patterns import ContentPattern
from models.records.core import Document, Persona, Practice, Scenario, Simulation
from models.records.criteria import Criterion, criterion_of, criterion_resource
from models.records.resources import Resource, ResourceKind, Rubric, Standard, StandardGroup, resource_of
from models.store import Store
from pipeline.practice.values import QuestionValue, Values

Item = TypeVar("Item")

MOST_INSTRUCTIONS = 5_000
"""Length of a user's pattern once compiled, which bounds its memory to some 100 kB."""


def found_one(found: Sequence[Item], name: str) -> Item:
    """Return the item found.

    Raises:
        NotFound: none was.
    """
    if not found:
        raise NotFound(f"{name} not found.")
    return found[0]


class Content:
    """Creates content. It is its user's own: others see it only through a home or practice open to them.

    Args:
        store: its storage.
        new_id: makes ids.
    """

    def __init__(self, store: Store, new_id: Callable[[], str]) -> None:
        self._store = store
        self._new_id = new_id

    async def add_scenario(self, user_id: str, scenario: Scenario, criteria: Sequence[Criterion] = ()) -> Scenario:
        """Keep a scenario with what its objectives are judged by; returns it as it is kept.

        Raises:
            Invalid: a criterion cannot be used.
            NotFound: something in the scenario is unknown, or not for this user to choose.
        """
        store = self._store
        for criterion in criteria:
            check_criterion(criterion)
        _all_there(scenario.persona_ids, await store.find_personas(user_id, ids=scenario.persona_ids), "Persona")
        _all_there(scenario.document_ids, await store.find_documents(user_id, ids=scenario.document_ids), "Document")
        for kind, ids in scenario.resources.items():
            await self._resources_there(user_id, cast(ResourceKind, kind), ids)
        kept = [replace(criterion_resource(self._new_id(), item), owner_id=user_id) for item in criteria]
        if kept:
            resources = {**scenario.resources, "criterion": tuple(item.id for item in kept)}
            scenario = replace(scenario, resources=resources)
        await store.install(scenarios=[scenario], resources=kept)
        return scenario

    async def criteria(self, user_id: str, scenario: Scenario) -> tuple[Criterion, ...]:
        """Return what a scenario's objectives are judged by to its author; nothing to others."""
        if scenario.owner_id != user_id:
            return ()
        return tuple(
            criterion_of(item) for item in await self._store.resources(scenario.resources.get("criterion", ()))
        )

    async def add_simulation(self, user_id: str, simulation: Simulation) -> None:
        """Keep a simulation: scenarios one after the other, with a rubric and a time limit.

        Raises:
            Invalid: it has no scenario.
            NotFound: a scenario or the rubric is unknown, or not for this user to choose.
        """
        if not simulation.scenario_ids:
            raise Invalid("At least one scenario is required")
        found = await self._store.find_scenarios(user_id, ids=simulation.scenario_ids)
        _all_there(simulation.scenario_ids, found, "Scenario")
        if simulation.rubric_id is not None:
            await self._resources_there(user_id, "rubric", [simulation.rubric_id])
        await self._store.install(simulations=[simulation])

    async def add_entry(self, user_id: str, entry: Practice) -> None:
        """Keep a practice or a home, open to its cohorts.

        Raises:
            NotFound: the simulation or a cohort is unknown, or not for this user to choose.
        """
        found_one(await self._store.find_simulations(user_id, ids=[entry.simulation_id]), "Simulation")
        await self._resources_there(user_id, "cohort", entry.cohort_ids)
        await self._store.install(practices=[entry])

    async def add_rubric(self, user_id: str, rubric: Rubric) -> Rubric:
        """Keep a rubric; returns it with its points added up, and standards that have signs measured by them.

        Raises:
            Invalid: there are no points, or more are asked for than there are, or a sign cannot be used.
        """
        groups = tuple(_weighed(group) for group in rubric.groups)
        total = sum(group.points for group in groups)
        if not total:
            raise Invalid("A rubric needs points: give at least one standard, and at least one of them points.")
        if rubric.pass_points > total:
            raise Invalid(f"pass_points is {rubric.pass_points}, more than all points ({total}): lower it.")
        kept = replace(rubric, groups=groups, total_points=total)
        await self._store.install(resources=[resource_of(kept, user_id)])
        return kept

    async def add_question(self, user_id: str, question: QuestionValue) -> str:
        """Keep a question with its options; returns its id.

        Raises:
            Invalid: it has fewer than two options, or none that is right.
        """
        if len(question.options) < 2 or not any(option.is_correct for option in question.options):
            raise Invalid("A question needs at least two options, and one of them right.")
        values = Values(user_id, self._new_id)
        question_id = values.question(question)
        await values.keep(self._store)
        return question_id

    async def right_options(self, user_id: str, question: Resource) -> Mapping[str, bool]:
        """Return the ids of a question's correct options to its author; nothing to others."""
        if question.owner_id != user_id:
            return {}
        return {item.id: bool(item.data.get("is_correct")) for item in await self._store.options_of([question.id])}

    async def add_parameter(self, user_id: str, name: str, description: str, values: Sequence[str]) -> str:
        """Keep a parameter with its values; returns its id.

        `{{name}}` in a persona's instructions becomes the value that is chosen.
        """
        item = Resource(self._new_id(), "parameter", name, description, owner_id=user_id)
        data = {"parameter_id": item.id, "parameter_name": name}
        fields = [Resource(self._new_id(), "parameter_field", one, data=data, owner_id=user_id) for one in values]
        await self._store.install(resources=[item, *fields])
        return item.id

    async def add_benchmark(
        self,
        user_id: str,
        name: str,
        description: str = "",
        *,
        simulation_id: str,
        scenario_id: str,
        runs: Sequence[tuple[str, Sequence[str]]] = (),
        chat_ids: Sequence[str] = (),
    ) -> Resource:
        """Keep recorded runs of a scenario, to be replayed with the personas as they are then.

        Args:
            runs: the name of each, and the learner's messages in it.
            chat_ids: the user's own chats to use as further runs.

        Raises:
            NotFound: the simulation, the scenario or a chat is unknown, or not for this user to choose.
            Invalid: there is no run, or one in which nothing was said.
        """
        store = self._store
        found_one(await store.find_simulations(user_id, ids=[simulation_id]), "Simulation")
        found_one(await store.find_scenarios(user_id, ids=[scenario_id]), "Scenario")
        recorded: list[dict[str, Any]] = [
            {"id": self._new_id(), "name": run, "lines": list(lines)} for run, lines in runs
        ]
        for chat_id in chat_ids:
            chat = await store.chat(user_id, chat_id)
            said = [item.text for item in await store.messages(chat_id) if item.role == "user" and item.text.strip()]
            if not said:
                raise Invalid("A chat in which nothing was said cannot be replayed: leave it out.")
            recorded.append({"id": self._new_id(), "name": chat.name, "lines": said})
        if not recorded:
            raise Invalid("At least one run is required: give runs, or chat_ids.")
        data = {"simulation_id": simulation_id, "scenario_id": scenario_id, "runs": recorded}
        item = Resource(self._new_id(), "benchmark", name, description, data, user_id)
        await store.install(resources=[item])
        return item

    async def _resources_there(self, user_id: str, kind: ResourceKind, ids: Sequence[str]) -> None:
        """Refuse ids of resources that the user may not choose."""
        found = await self._store.find_resources(user_id, kind, ids=ids)
        _all_there(ids, found, kind.replace("_", " ").capitalize())


def _all_there(ids: Sequence[str], found: Sequence[Persona | Document | Scenario | Resource], name: str) -> None:
    """Refuse ids that were not found."""
    if set(ids) - {item.id for item in found}:
        raise NotFound(f"{name} not found.")


def _weighed(group: StandardGroup) -> StandardGroup:
    standards = tuple(_measured(standard) for standard in group.standards)
    return replace(group, standards=standards, points=sum(standard.points for standard in standards))


def _measured(standard: Standard) -> Standard:
    for sign in standard.signs:
        check_sign(sign)
    return replace(standard, measure="signs") if standard.signs else standard


def check_criterion(criterion: Criterion) -> None:
    """Refuse a criterion by which nothing can be judged.

    Raises:
        Invalid: it has neither signs nor what must not be said, needs more signs than it has, or a pattern is none.
    """
    told = f"The objective “{criterion.objective[:60]}”"
    if not criterion.signs and not criterion.never:
        raise Invalid(f"{told} needs signs or never; write it as a plain text otherwise.")
    if criterion.signs and criterion.needed > len(criterion.signs):
        raise Invalid(f"{told} has needed {criterion.needed}, more than there are signs ({len(criterion.signs)}).")
    for expression in (*(sign.pattern for sign in criterion.signs), *(item.pattern for item in criterion.never)):
        check_sign(expression)


def check_sign(sign: str) -> None:
    """Refuse a user's pattern that cannot be used.

    Raises:
        Invalid: it is no pattern, is too large, or matches everything.
    """
    try:
        found = ContentPattern(sign)
    except Invalid as error:
        raise Invalid(f"A sign is no regular expression: {error}.") from None
    if found.size > MOST_INSTRUCTIONS:
        raise Invalid("A sign is too large a regular expression: repeat less in it, or make two of it.")
    if found.found_in(""):
        raise Invalid("A sign must not match everything: name at least one word.")
