"""The selection of a chat, a scenario or a draft, and the chat's configuration that a draft becomes."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.records.core import Chat, Scenario
from models.records.resources import Resource, derived_id
from models.store import Store

LISTS = (
    *("name_ids", "description_ids", "flag_ids", "department_ids", "persona_ids", "document_ids"),
    *("parameter_field_ids", "parameter_ids", "scenario_ids", "field_ids", "question_ids", "option_ids"),
    *("video_ids", "image_ids", "problem_statement_ids", "objective_ids", "pending_ids"),
)
"""The id lists of a draft's state."""

OF_SCENARIO = ("question", "parameter_field", "image", "video", "flag", "department")
"""The kinds of resources that chats take from their scenario."""


def selected_ids(chat: Chat, scenario: Scenario | None) -> dict[str, list[str]]:
    """Return the ids selected in a chat, by kind: its own, else its scenario's."""
    own = chat.configuration
    chosen: dict[str, list[str]] = {
        "persona": list(own.get("persona_ids", scenario.persona_ids if scenario else ())),
        "document": list(own.get("document_ids", scenario.document_ids if scenario else ())),
        "scenario": [scenario.id] if scenario and scenario.id else [],
    }
    for kind in OF_SCENARIO:
        chosen[kind] = list(own.get(f"{kind}_ids", scenario.resources.get(kind, ()) if scenario else ()))
    chosen["option"] = list(own.get("option_ids", ()))
    return chosen


def own_texts(chat: Chat, scenario: Scenario | None) -> list[Resource]:
    """Return the chat's name, description, problem statement and objectives, each with an id."""
    own = chat.configuration
    owner = scenario.id if scenario and scenario.id else chat.id
    found = [Resource(own.get("name_id") or derived_id(chat.id, "name"), "name", chat.name)]
    if scenario is not None and scenario.description:
        ident = own.get("description_id") or derived_id(owner, "description")
        found.append(Resource(ident, "description", scenario.description))
    if scenario is not None and scenario.problem_statement:
        ident = own.get("problem_statement_id") or derived_id(owner, "problem_statement")
        found.append(Resource(ident, "problem_statement", scenario.problem_statement))
    ids: Sequence[str] = own.get("objective_ids", ())
    for place, text in enumerate(scenario.objectives if scenario else ()):
        ident = ids[place] if place < len(ids) else derived_id(owner, "objective", place)
        found.append(Resource(ident, "objective", text))
    return found


async def configuration_of(store: Store, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a draft's state as the configuration of a chat: ids of texts become the texts, others stay ids."""
    configuration: dict[str, Any] = {}
    for kind in ("name", "description", "problem_statement"):
        ident = state.get(f"{kind}_id") or next(iter(state.get(f"{kind}_ids") or ()), None)
        if ident is not None and (found := await store.resources([ident])):
            configuration |= {kind: found[0].name, f"{kind}_id": ident}
    if "objective_ids" in state:
        objectives = await store.resources(state["objective_ids"])
        configuration |= {
            "objectives": [item.name for item in objectives],
            "objective_ids": [item.id for item in objectives],
        }
    for kind in ("persona", "document", *OF_SCENARIO, "option"):
        # An empty list of personas would leave the chat without one.
        if (ids := state.get(f"{kind}_ids")) is not None and (ids or kind != "persona"):
            configuration[f"{kind}_ids"] = list(ids)
    return configuration


async def visible_configuration(store: Store, user_id: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration without personas and documents that are unknown or not visible to the user."""
    seen = dict(state)
    if seen.get("persona_ids"):
        personas = {item.id for item in await store.find_personas(user_id, ids=seen["persona_ids"])}
        seen["persona_ids"] = [ident for ident in seen["persona_ids"] if ident in personas]
    if seen.get("document_ids"):
        documents = {item.id for item in await store.find_documents(user_id, ids=seen["document_ids"])}
        seen["document_ids"] = [ident for ident in seen["document_ids"] if ident in documents]
    return await configuration_of(store, seen)
