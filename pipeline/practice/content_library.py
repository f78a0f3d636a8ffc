"""The content that a user may choose from and add to, while something is generated."""

from collections.abc import Callable, Sequence

from models.records.core import Document, Persona, Scenario
from models.records.resources import Resource
from models.store import Store
from pipeline.practice.choosing import Choice, Choosing
from pipeline.practice.content import Content


class ContentLibrary:
    """Finds what is there, and keeps what was made.

    Args:
        store: keeps personas and documents.
        content: keeps scenarios.
        choosing: searches what is there.
        new_id: makes ids.
    """

    def __init__(self, store: Store, content: Content, choosing: Choosing, new_id: Callable[[], str]) -> None:
        self._store = store
        self._content = content
        self._choosing = choosing
        self.new_id = new_id

    async def choices(self, user_id: str, part: str) -> list[Choice]:
        """Return what of a kind the user may choose."""
        store = self._store
        match part:
            case "persona":
                found: Sequence[Persona | Document | Scenario | Resource] = await store.find_personas(user_id)
            case "document":
                found = await store.find_documents(user_id)
            case "scenario":
                found = await store.find_scenarios(user_id)
            case _:
                found = await store.find_resources(user_id, "parameter_field")
        return [Choice.of(item) for item in found]

    async def best(self, instructions: Sequence[str], choices: Sequence[Choice], limit: int) -> list[Choice]:
        """Return the choices that fit the instructions; without any, the first, as everything does."""
        if not instructions:
            return list(choices[:limit])
        return await self._choosing.best("\n".join(instructions), choices, limit)

    async def scenario(self, scenario_id: str) -> Scenario:
        """Return a scenario."""
        return await self._store.scenario(scenario_id)

    async def content(self, artifact: str, content_id: str | None) -> Persona | Document | None:
        """Return a persona or a document; None without an id."""
        if content_id is None:
            return None
        return await (self._store.persona(content_id) if artifact == "persona" else self._store.document(content_id))

    async def keep(self, user_id: str, item: Persona | Document | Scenario) -> None:
        """Keep content as the user's own."""
        match item:
            case Persona():
                await self._store.install(personas=[item])
            case Document():
                await self._store.install(documents=[item])
            case Scenario():
                await self._content.add_scenario(user_id, item)
