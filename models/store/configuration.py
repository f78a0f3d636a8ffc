"""A chat's configuration of its scenario: personas, documents, texts and parameters; and who may start an entry."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.records.core import ChatContext, Persona, Practice, Scenario, User
from models.records.resources import Resource, one_of_each_parameter, with_parameters
from models.tables.content import DocumentRow, PersonaRow, ScenarioRow
from models.tables.practice import ResourceRow


async def configured(session: AsyncSession, context: ChatContext) -> ChatContext:
    """Apply a chat's configuration and parameters to its context; without any, this costs no query."""
    changes, former = context.chat.configuration, context.personas
    persona_ids, document_ids = changes.get("persona_ids"), changes.get("document_ids")
    scenario_id = next(iter(changes.get("scenario_ids", ())), context.chat.scenario_id)
    if scenario_id != context.chat.scenario_id:
        other = await session.get(ScenarioRow, scenario_id)
        if other is not None:
            scenario = other.record()
            context = replace(context, scenario=scenario)
            persona_ids = scenario.persona_ids if persona_ids is None else persona_ids
            document_ids = scenario.document_ids if document_ids is None else document_ids
    if persona_ids is not None:
        context = replace(context, personas=await _records(session, PersonaRow, persona_ids))
    if document_ids is not None:
        context = replace(context, documents=await _records(session, DocumentRow, document_ids))
    given = context.scenario.resources.get("parameter_field", ()) if context.scenario else ()
    fields = (*given, *changes.get("parameter_field_ids", ()))
    if changes:
        context = replace(context, scenario=_changed(context, changes))
        context = replace(context, former_personas=await _former(session, context, former))
    values = one_of_each_parameter(await resources_by_id(session, fields)) if fields else []
    return replace(context, personas=tuple(with_parameters(persona, values) for persona in context.personas))


async def _former(session: AsyncSession, context: ChatContext, known: tuple[Persona, ...]) -> tuple[Persona, ...]:
    """Return the personas of messages who are none of the chat's any more."""
    here = {persona.id for persona in context.personas}
    spoke = dict.fromkeys(item.persona_id for item in context.messages if item.persona_id)
    gone = [ident for ident in spoke if ident not in here]
    of_scenario = {persona.id: persona for persona in known}
    if all(ident in of_scenario for ident in gone):
        return tuple(of_scenario[ident] for ident in gone)
    found: tuple[Persona, ...] = await _records(session, PersonaRow, gone)
    return found


async def _records(session: AsyncSession, kind: Any, ids: Sequence[str]) -> Any:
    """Return the records with these ids, in this order; unknown ones are skipped."""
    rows = {row.id: row for row in await session.scalars(_with_ids(kind, ids))}
    return tuple(rows[ident].record() for ident in ids if ident in rows)


def _changed(context: ChatContext, changes: Mapping[str, Any]) -> Scenario | None:
    """Return the scenario with the chat's overrides."""
    texts = {key: changes[key] for key in ("name", "description", "problem_statement") if changes.get(key)}
    if "objectives" in changes:
        texts["objectives"] = tuple(changes["objectives"])
    if not texts and context.scenario is None:
        return None
    scenario = context.scenario or Scenario("", context.chat.name)
    return replace(
        scenario,
        **texts,
        persona_ids=tuple(persona.id for persona in context.personas),
        document_ids=tuple(document.id for document in context.documents),
    )


async def resources_by_id(session: AsyncSession, ids: Iterable[str]) -> list[Resource]:
    """Return the resources with these ids, in this order; unknown ones are skipped."""
    wanted = list(dict.fromkeys(ids))
    found = {row.id: row.record() for row in await session.scalars(_with_ids(ResourceRow, wanted))}
    return [found[ident] for ident in wanted if ident in found]


async def may_open(session: AsyncSession, entry: Practice, user: User) -> bool:
    """Return whether the user may start a home or practice: their own, a public one, or one of their cohort."""
    if entry.owner_id == user.id:
        return True
    if not entry.cohort_ids:
        return entry.owner_id is None
    cohorts = await resources_by_id(session, entry.cohort_ids)
    return any(is_member(cohort, user) for cohort in cohorts)


def is_member(cohort: Resource, user: User) -> bool:
    """Return whether the user is a member of the cohort; one without a list of members includes everybody."""
    members = cohort.data.get("members")
    return not members or user.name in members or user.id in members


def _with_ids(kind: Any, ids: Iterable[str]) -> Any:
    return select(kind).where(kind.id.in_(list(ids)))
