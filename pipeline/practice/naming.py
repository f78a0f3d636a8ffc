"""Practices and personas by what people call them: a name, in any case, or an id."""

from models.errors import NotFound
from models.records.core import Persona, Practice
from models.store import Store


async def named_practice(store: Store, name: str) -> Practice:
    """Find a practice by its id or its name, in any case.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    practices = await store.practices()
    for practice in practices:
        if practice.id == name or practice.name.casefold() == name.strip().casefold():
            return practice
    known = ", ".join(practice.name for practice in practices)
    raise NotFound(
        f"There is no practice {name!r}; "
        + (f"there are: {known}." if known else "`glow serve` installs those of its packs.")
    )


async def persona_of(store: Store, practice: Practice, name: str | None) -> Persona:
    """Find a persona of a practice by its id or its name; the first one without a name.

    Raises:
        NotFound: the practice has no such persona.
    """
    personas = list[Persona]()
    for scenario_id in (await store.simulation(practice.simulation_id)).scenario_ids:
        personas += [await store.persona(ident) for ident in (await store.scenario(scenario_id)).persona_ids]
    for persona in personas:
        if name is None or persona.id == name or persona.name.casefold() == name.strip().casefold():
            return persona
    if not personas:
        raise NotFound(f"{practice.name} has no persona to talk to.")
    known = ", ".join(persona.name for persona in personas)
    raise NotFound(f"{practice.name} has no persona {name!r}; it has: {known}.")


async def addressed(store: Store, name: str | None) -> tuple[Practice, Persona]:
    """Find whom to talk to by one name: a practice's, with its first persona, or a persona's, with its first practice.

    Args:
        name: an id or a name, in any case, with hyphens for blanks if need be; None for the first practice.

    Raises:
        NotFound: there is none; the message lists those there are.
    """
    practices = await store.practices()
    if not practices:
        raise NotFound("There is no practice yet; `glow serve` installs those of its packs.")
    if name is None:
        return practices[0], await persona_of(store, practices[0], None)
    known: list[str] = []
    for practice in practices:
        if practice.id == name or _spelled(practice.name) == _spelled(name):
            return practice, await persona_of(store, practice, None)
    for practice in practices:
        scenario_ids = (await store.simulation(practice.simulation_id)).scenario_ids
        for ident in (await store.scenario(scenario_ids[0])).persona_ids if scenario_ids else ():
            persona = await store.persona(ident)
            if persona.id == name or _spelled(persona.name) == _spelled(name):
                return practice, persona
            known.append(persona.name)
    raise NotFound(
        f"There is no persona or practice {name!r}; there are: "
        f"{', '.join(dict.fromkeys([*known, *(practice.name for practice in practices)]))}."
    )


def _spelled(name: str) -> str:
    return name.strip().replace("-", " ").casefold()
