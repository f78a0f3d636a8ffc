"""Search of content: that of the packs is public, a user's own is private."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, cast, func, or_, select, text
from sqlalchemy.sql import Select

from models.columns import clean
from models.errors import NotFound
from models.records.core import Document, Persona, Practice, Scenario, Simulation
from models.records.resources import Resource, ResourceKind
from models.store.configuration import may_open, resources_by_id
from models.store.database import Database, shielded
from models.tables.accounts import UserRow
from models.tables.content import DocumentRow, PersonaRow, PracticeRow, ScenarioRow, SimulationRow
from models.tables.practice import ResourceRow

_FTS5 = text(
    "SELECT id, snippet(documents_fts, 3, '', '', ' ... ', 24) FROM documents_fts "
    "WHERE documents_fts MATCH :query ORDER BY bm25(documents_fts, 0, 4.0, 2.0, 1.0), id LIMIT :limit"
)
_TSVECTOR = text(
    "SELECT id, ts_headline('english', text, q, 'StartSel=\"\", StopSel=\"\", MaxWords=24, MinWords=10') "
    "FROM documents, to_tsquery('english', :query) AS q "
    "WHERE words @@ q ORDER BY ts_rank(words, q) DESC, id LIMIT :limit"
)
_FTS5_ANY = text(
    "SELECT documents_fts.id FROM documents_fts JOIN documents ON documents.id = documents_fts.id "
    "WHERE documents_fts MATCH :query AND (owner_id IS NULL OR owner_id = :user_id) LIMIT :limit"
)
# The index holds the beginning of a long document; the end of the few that are longer is searched as it stands.
_TSVECTOR_ANY = text(
    "SELECT id FROM documents WHERE words @@ plainto_tsquery('english', :query) "
    "AND (owner_id IS NULL OR owner_id = :user_id) UNION "
    "SELECT id FROM documents WHERE octet_length(text) > :indexed AND position(:query IN lower(text)) > 0 "
    "AND (owner_id IS NULL OR owner_id = :user_id) LIMIT :limit"
)
_INDEXED = 300_000
"""Characters of a document that PostgreSQL's index holds; see the migration 0005."""

_MOST_FOUND = 1000


class LibraryStore(Database):
    @shielded
    async def find_personas(self, user_id: str, search: str = "", ids: Sequence[str] | None = None) -> list[Persona]:
        """List the personas that a user may choose, by name; `search` filters by words, `ids` by id."""
        return await self._find(PersonaRow, user_id, search, ids)

    @shielded
    async def find_scenarios(self, user_id: str, search: str = "", ids: Sequence[str] | None = None) -> list[Scenario]:
        """List the scenarios that a user may choose, by name."""
        return await self._find(ScenarioRow, user_id, search, ids)

    @shielded
    async def find_simulations(
        self, user_id: str, search: str = "", ids: Sequence[str] | None = None
    ) -> list[Simulation]:
        """List the simulations that a user may choose, by name."""
        return await self._find(SimulationRow, user_id, search, ids)

    @shielded
    async def find_documents(self, user_id: str, search: str = "", ids: Sequence[str] | None = None) -> list[Document]:
        """List the documents that a user may choose; with `search`, full-text matches, best first."""
        if not search.strip():
            return await self._find(DocumentRow, user_id, "", ids)
        found = await self._full_text(search)
        documents = await self._find(DocumentRow, user_id, "", ids)
        place = {ident: place for place, ident in enumerate(found)}
        return sorted((item for item in documents if item.id in place), key=lambda item: place[item.id])

    @shielded
    async def document_snippets(self, search: str) -> dict[str, str]:
        """Return a snippet around the matches by document id, best first."""
        return await self._full_text(search)

    @shielded
    async def documents_with(self, user_id: str, terms: Sequence[str]) -> dict[str, list[str]]:
        """Return the ids of a user's and the public documents that have each word, in any form of it, by word.

        Args:
            user_id: the user.
            terms: single words in lower case.
        """
        async with self._reading() as session:
            on_sqlite = session.get_bind().dialect.name == "sqlite"
            statement = _FTS5_ANY if on_sqlite else _TSVECTOR_ANY
            found = {}
            for term in terms:
                bound = {"query": _fts5_word(term) if on_sqlite else clean(term), "user_id": user_id}
                more = {} if on_sqlite else {"indexed": _INDEXED}
                rows = await session.scalars(statement, bound | more | {"limit": _MOST_FOUND})
                found[term] = list(rows)
            return found

    @shielded
    async def count_documents(self, user_id: str) -> int:
        """Return how many documents a user may choose."""
        async with self._reading() as session:
            query = select(func.count()).select_from(DocumentRow).where(_seen_by(DocumentRow, user_id))
            return await session.scalar(query) or 0

    @shielded
    async def public_document_ids(self) -> list[str]:
        """Return the ids of the documents that nobody owns, such as those of packs."""
        async with self._reading() as session:
            query = select(DocumentRow.id).where(DocumentRow.owner_id.is_(None)).order_by(DocumentRow.id)
            return list(await session.scalars(query))

    @shielded
    async def find_entries(self, user_id: str, kind: str, search: str = "") -> list[Practice]:
        """List the practices or homes that a user may start, by name."""
        async with self._reading() as session:
            user = await session.get(UserRow, user_id)
            if user is None:
                return []
            query = select(PracticeRow).where(PracticeRow.kind == kind, _has(PracticeRow.name, search))
            rows = (await session.scalars(query.order_by(PracticeRow.name, PracticeRow.id))).all()
            return [row.record() for row in rows if await may_open(session, row.record(), user.record())]

    @shielded
    async def find_resources(
        self, user_id: str, kind: ResourceKind, search: str = "", ids: Sequence[str] | None = None
    ) -> list[Resource]:
        """List the resources of a kind that a user may choose, by name; with `ids`, in their order."""
        async with self._reading() as session:
            query = select(ResourceRow).where(
                ResourceRow.kind == kind,
                _seen_by(ResourceRow, user_id),
                or_(_has(ResourceRow.name, search), _has(ResourceRow.description, search)),
            )
            if ids is not None:
                query = query.where(ResourceRow.id.in_(list(ids)))
            rows = await session.scalars(query.order_by(ResourceRow.name, ResourceRow.id).limit(_MOST_FOUND))
            found = [row.record() for row in rows]
        if ids is not None:
            place = {ident: place for place, ident in enumerate(ids)}
            found.sort(key=lambda item: place[item.id])
        return found

    @shielded
    async def resource(self, kind: ResourceKind, resource_id: str) -> Resource:
        """Return a resource of any owner, for references from chats.

        Raises:
            NotFound: there is none of this kind with this id.
        """
        async with self._reading() as session:
            row = await session.get(ResourceRow, resource_id)
            if row is None or row.kind != kind:
                raise NotFound(f"{kind.replace('_', ' ').capitalize()} not found.")
            return row.record()

    @shielded
    async def resources(self, ids: Sequence[str]) -> list[Resource]:
        """Return the resources with these ids, in this order; unknown ones are skipped."""
        async with self._reading() as session:
            return await resources_by_id(session, ids)

    @shielded
    async def options_of(self, question_ids: Sequence[str]) -> list[Resource]:
        """List the options of these questions, in order."""
        if not question_ids:
            return []
        async with self._reading() as session:
            # The question's id is inside JSON, which has no index: a LIKE on it narrows the search.
            narrowed = or_(*(cast(ResourceRow.data, Text).contains(ident, autoescape=True) for ident in question_ids))
            rows = await session.scalars(select(ResourceRow).where(ResourceRow.kind == "option", narrowed))
            found = [row.record() for row in rows]
        wanted = {ident: place for place, ident in enumerate(question_ids)}
        found = [item for item in found if item.data.get("question_id") in wanted]
        return sorted(found, key=lambda item: (wanted[item.data["question_id"]], item.data.get("position", 0), item.id))

    async def _find(self, kind: Any, user_id: str, search: str, ids: Sequence[str] | None) -> list[Any]:
        async with self._reading() as session:
            query: Select[Any] = select(kind).where(
                _seen_by(kind, user_id), or_(_has(kind.name, search), _has(kind.description, search))
            )
            if ids is not None:
                query = query.where(kind.id.in_(list(ids)))
            rows = await session.scalars(query.order_by(kind.name, kind.id).limit(_MOST_FOUND))
            return [row.record() for row in rows]

    async def _full_text(self, search: str) -> dict[str, str]:
        async with self._reading() as session:
            on_sqlite = session.get_bind().dialect.name == "sqlite"
            statement, query = (_FTS5, _fts5_query(search)) if on_sqlite else (_TSVECTOR, _tsquery(search))
            if not query:
                return {}
            rows = await session.execute(statement, {"query": query, "limit": _MOST_FOUND})
            return {row[0]: row[1] for row in rows}


# Quote every word, so that user input is never syntax, and match by prefix.


def _fts5_query(search: str) -> str:
    words = [word.replace('"', "") for word in clean(search).split()]
    return " ".join(f'"{word}"*' for word in words if word)


def _fts5_word(word: str) -> str:
    """Quote a word, whose forms the index's stemmer then finds."""
    return '"' + clean(word).replace('"', "") + '"'


def _tsquery(search: str) -> str:
    words = [word.replace("\\", "").replace("'", "''") for word in clean(search).split()]
    return " & ".join(f"'{word}':*" for word in words if word)


def _seen_by(kind: Any, user_id: str) -> Any:
    return or_(kind.owner_id.is_(None), kind.owner_id == user_id)


def _has(column: Any, search: str) -> Any:
    """Return a filter for rows that contain every word of the search, case-insensitively."""
    condition: Any = column.is_not(None)
    for word in search.lower().split()[:20]:
        condition = condition & func.lower(column).contains(word, autoescape=True)
    return condition
