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
        given = scenario.resources.get(kind, ()) if scenario else ()
        chosen[kind] = list(own.get(f"{kind}_ids", given))
        if kind == "parameter_field":  # a value of one parameter leaves the scenario's of the others
            chosen[kind] = list(dict.fromkeys((*given, *chosen[kind])))
    chosen["option"] = list(own.get("option_ids", ()))
    return chosen


def own_texts(chat: Chat, scenario: Scenario | None) -> list[Resource]:
    """Return the chat's name, description, problem statement and objectives, each with an id."""
    own = chat.configuration
    owner = scenario.id if scenario and scenario.id else chat.id
    named_by = owner if scenario is not None and chat.name == scenario.name else chat.id
    found = [Resource(own.get("name_id") or derived_id(named_by, "name"), "name", chat.name)]
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


async def configuration_of(
    store: Store, state: Mapping[str, Any], base: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a chat's configuration with a draft's state applied: ids of texts become the texts, others stay ids.

    What the state does not mention stays as in `base`. An emptied text, and empty personas or scenarios, without which
    there is no conversation, become the scenario's again; any other empty list empties.
    """
    configuration = dict(base or {})
    for kind in ("name", "description", "problem_statement"):
        if f"{kind}_id" not in state and f"{kind}_ids" not in state:
            continue
        ident = state.get(f"{kind}_id") or next(iter(state.get(f"{kind}_ids") or ()), None)
        found = await store.resources([ident]) if ident is not None else []
        if found:
            configuration |= {kind: found[0].name, f"{kind}_id": ident}
        else:
            configuration = {key: kept for key, kept in configuration.items() if key not in (kind, f"{kind}_id")}
    if "objective_ids" in state:
        objectives = await store.resources(state["objective_ids"])
        configuration |= {
            "objectives": [item.name for item in objectives],
            "objective_ids": [item.id for item in objectives],
        }
    if "field_ids" in state:  # another name of the same values
        state = {**state, "parameter_field_ids": [*state.get("parameter_field_ids", ()), *state["field_ids"]]}
    for kind in ("persona", "document", "scenario", *OF_SCENARIO, "option"):
        ids = state.get(f"{kind}_ids")
        if ids or (ids is not None and kind not in ("persona", "scenario")):
            configuration[f"{kind}_ids"] = list(ids)
        elif ids is not None:
            configuration.pop(f"{kind}_ids", None)
    return configuration
