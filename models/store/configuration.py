"""A chat's configuration of its scenario: personas, documents, texts and parameters; and who may start an entry."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.records.core import ChatContext, Practice, Scenario, User
from models.records.resources import Resource, with_parameters
from models.tables.content import DocumentRow, PersonaRow
from models.tables.practice import ResourceRow


async def configured(session: AsyncSession, context: ChatContext) -> ChatContext:
    """Apply a chat's configuration and parameters to its context; without any, this costs no query."""
    scenario, changes = context.scenario, context.chat.configuration
    fields = changes.get("parameter_field_ids")
    if fields is None:
        fields = scenario.resources.get("parameter_field", ()) if scenario else ()
    if "persona_ids" in changes:
        rows = {row.id: row for row in await session.scalars(_with_ids(PersonaRow, changes["persona_ids"]))}
        personas = tuple(rows[ident].record() for ident in changes["persona_ids"] if ident in rows)
        context = replace(context, personas=personas)
    if "document_ids" in changes:
        papers = {row.id: row for row in await session.scalars(_with_ids(DocumentRow, changes["document_ids"]))}
        documents = tuple(papers[ident].record() for ident in changes["document_ids"] if ident in papers)
        context = replace(context, documents=documents)
    if changes:
        context = replace(context, scenario=_changed(context, changes))
    if fields:
        values = await resources_by_id(session, fields)
        personas = tuple(with_parameters(persona, values) for persona in context.personas)
        context = replace(context, personas=personas)
    return context


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
