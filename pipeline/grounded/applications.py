"""Applications: a persona whose instructions a model follows, and whose scenarios' documents are searched."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.errors import NotFound
from models.store import Store
from pipeline.grounded.sources import SourceFilter

NOTHING = "\0"
"""A name that no document has."""


@dataclass(frozen=True, slots=True)
class Application:
    """What a caller's application or agent contributes to an answer.

    Attributes:
        document_ids: the documents that it searches; all of them if empty.
    """

    instructions: str
    document_ids: frozenset[str]

    def narrowed(self, allowed: SourceFilter) -> SourceFilter:
        """Restrict a filter to the application's documents."""
        if not self.document_ids:
            return allowed
        both = self.document_ids & allowed.document_ids if allowed.document_ids else self.document_ids
        return replace(allowed, document_ids=both or frozenset({NOTHING}))


async def applications_of(store: Store, user_id: str, ids: Sequence[str]) -> list[Application]:
    """Find applications by the ids of their personas.

    Raises:
        NotFound: there is none of one of these ids that the user may choose; the message says which.
    """
    if not ids:
        return []
    personas = {persona.id: persona for persona in await store.find_personas(user_id, ids=ids)}
    if missing := [ident for ident in ids if ident not in personas]:
        raise NotFound(f"there is no application or agent {missing[0]!r}: leave it out, or use the id of a persona")
    scenarios = await store.find_scenarios(user_id)
    return [
        Application(
            personas[ident].instructions,
            frozenset(one for item in scenarios if ident in item.persona_ids for one in item.document_ids),
        )
        for ident in ids
    ]
