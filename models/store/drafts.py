"""Drafts of a chat's configuration, versioned with optimistic locking."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, select

from models.errors import Conflict, NotFound
from models.records.outcomes import Draft
from models.store.database import Database, shielded
from models.tables.practice import DraftRow, DraftVersionRow

DRAFT_NOT_FOUND = "Draft not found: use one of your own drafts, or leave draft_id out to make one."


class DraftStore(Database):
    @shielded
    async def save_draft(
        self,
        user_id: str,
        changes: Mapping[str, Any],
        *,
        draft_id: str | None = None,
        chat_id: str | None = None,
        expected_version: int | None = None,
    ) -> Draft:
        """Save a new version: the previous one with these changes.

        Args:
            draft_id: the draft; a new one without it.
            expected_version: the version that the changes are based on (0 for a new draft); unchecked without it.

        Raises:
            NotFound: unknown draft, or another user's.
            Conflict: another version was saved meanwhile; the message names both versions.
        """
        async with self._writing() as session:
            now = self._now()
            if draft_id is None:
                check_version(expected_version, 0)
                row = DraftRow(
                    id=self._new_id(),
                    user_id=user_id,
                    chat_id=chat_id,
                    version=1,
                    state=dict(changes),
                    created_at=now,
                    updated_at=now,
                )
                session.add(row)
                await session.flush()
            else:
                found = await session.scalar(
                    select(DraftRow).where(DraftRow.id == draft_id, DraftRow.user_id == user_id).with_for_update()
                )
                if found is None:
                    raise NotFound(DRAFT_NOT_FOUND)
                row = found
                check_version(expected_version, row.version)
                row.version += 1
                row.state = {**row.state, **changes}
                row.updated_at = now
                row.chat_id = chat_id or row.chat_id
            session.add(DraftVersionRow(draft_id=row.id, version=row.version, state=dict(row.state), created_at=now))
            return row.record()

    @shielded
    async def draft(self, user_id: str, draft_id: str) -> Draft:
        """Return a draft of the user.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._reading() as session:
            row = await session.scalar(select(DraftRow).where(DraftRow.id == draft_id, DraftRow.user_id == user_id))
            if row is None:
                raise NotFound(DRAFT_NOT_FOUND)
            return row.record()

    @shielded
    async def draft_versions(self, user_id: str, draft_id: str) -> list[tuple[int, Mapping[str, Any]]]:
        """List the versions of a draft with their states, oldest first; empty for another user's."""
        async with self._reading() as session:
            rows = await session.execute(
                select(DraftVersionRow.version, DraftVersionRow.state)
                .join(DraftRow, DraftRow.id == DraftVersionRow.draft_id)
                .where(DraftRow.id == draft_id, DraftRow.user_id == user_id)
                .order_by(DraftVersionRow.version)
            )
            return [(version, state) for version, state in rows]

    @shielded
    async def drafts(
        self,
        user_id: str,
        *,
        search: str = "",
        chat_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[list[Draft], int]:
        """Return a page of the user's drafts, of one chat if it is given, the latest change first, and their number."""
        async with self._reading() as session:
            query = select(DraftRow).where(DraftRow.user_id == user_id)
            if chat_id is not None:
                query = query.where(DraftRow.chat_id == chat_id)
            for word in search.lower().split()[:20]:
                query = query.where(func.lower(cast(DraftRow.state, Text)).contains(word, autoescape=True))
            if since is not None:
                query = query.where(DraftRow.updated_at >= since)
            if until is not None:
                query = query.where(DraftRow.updated_at <= until)
            total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
            page = query.order_by(DraftRow.updated_at.desc(), DraftRow.id).limit(limit).offset(offset)
            return [row.record() for row in await session.scalars(page)], total


def check_version(expected: int | None, found: int) -> None:
    """Reject a save that does not continue the latest version; None continues any.

    Raises:
        Conflict: the message names both versions.
    """
    if expected is not None and expected != found:
        raise Conflict(f"Draft version conflict: expected {expected}, found {found}")
