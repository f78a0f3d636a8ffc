"""External chats (those of other systems' clients), their messages and files."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.external import ChatFile, Dialect, DocumentOrigin, ExternalChat, ExternalDraft, ExternalMessage
from models.store.database import Database, shielded
from models.store.messages import MAX_ID_LENGTH, MessageChanges
from models.tables.accounts import UserRow
from models.tables.content import DocumentRow
from models.tables.external import ChatFileRow, DocumentOriginRow, ExternalChatRow, ExternalMessageRow
from models.tables.jobs import JobRow
from models.tables.past_calls import PastCallRow
from models.tables.tutor import ExerciseResultRow, HintRow

LISTED_LIMIT = 500
"""Maximum number of chats in a listing."""

# One message for an unknown id and for another user's, so that it does not reveal which ids exist.
EXTERNAL_CHAT_NOT_FOUND = "Chat not found: use the id of a chat of your own."


class ExternalChatChanges(TypedDict, total=False):
    """The mutable fields of a chat."""

    title: str
    summary: str | None
    pinned: bool
    ended_at: Any
    data: Mapping[str, Any]


class ExternalMessageChanges(MessageChanges, total=False):
    """The mutable fields of a message."""

    kind: str
    data: Mapping[str, Any]


class ExternalChatStore(Database):
    @shielded
    async def add_external_chat(
        self,
        user_id: str,
        dialect: Dialect,
        *,
        id: str | None = None,  # noqa: A002
        title: str = "",
        subject_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> ExternalChat:
        """Add a chat.

        Raises:
            NotFound: no such user.
            Conflict: a chat has this id already.
            Invalid: the id is empty, too long, or contains characters that cannot be stored.
        """
        if id is not None and not (0 < len(id) <= MAX_ID_LENGTH and id == clean(id)):
            raise Invalid(f"A chat id is 1 to {MAX_ID_LENGTH} plain letters: use a UUID, or leave it out.")
        async with self._writing() as session:
            if await session.get(UserRow, user_id) is None:
                raise NotFound("User not found: create the user first.")
            if id is not None and await session.get(ExternalChatRow, id) is not None:
                raise Conflict("There is a chat with this id already: use a new one.")
            now = self._now()
            row = ExternalChatRow(
                id=id or self._new_id(),
                user_id=user_id,
                dialect=dialect,
                title=clean(title),
                summary=None,
                pinned=False,
                subject_id=subject_id,
                message_count=0,
                created_at=now,
                updated_at=now,
                ended_at=None,
                data=dict(data or {}),
            )
            session.add(row)
            return row.record()

    @shielded
    async def external_chat(self, user_id: str, chat_id: str, dialect: Dialect | None = None) -> ExternalChat:
        """Return a chat of the user: the authorisation check for every other method that takes a chat's id.

        Raises:
            NotFound: unknown, another user's, or another dialect's.
        """
        async with self._reading() as session:
            return (await _own_chat(session, user_id, chat_id, dialect)).record()

    @shielded
    async def external_chats(
        self,
        user_id: str,
        dialect: Dialect,
        *,
        subject_id: str | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = LISTED_LIMIT,
    ) -> tuple[ExternalChat, ...]:
        """List the user's chats in one dialect, newest first.

        Args:
            after: cursor: the time of change and the id of the last chat of the previous page.
        """
        chosen = select(ExternalChatRow).where(ExternalChatRow.user_id == user_id, ExternalChatRow.dialect == dialect)
        if subject_id is not None:
            chosen = chosen.where(ExternalChatRow.subject_id == subject_id)
        if after is not None:
            changed_at, chat_id = after
            as_new = and_(ExternalChatRow.updated_at == changed_at, ExternalChatRow.id > chat_id)
            chosen = chosen.where(or_(ExternalChatRow.updated_at < changed_at, as_new))
        newest = chosen.order_by(ExternalChatRow.updated_at.desc(), ExternalChatRow.id).limit(limit)
        async with self._reading() as session:
            return tuple(row.record() for row in await session.scalars(newest))

    @shielded
    async def change_external_chat(
        self, user_id: str, chat_id: str, **changes: Unpack[ExternalChatChanges]
    ) -> ExternalChat:
        """Update fields of a chat.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            row = await _own_chat(session, user_id, chat_id, None)
            _change(row, changes)
            row.updated_at = self._now()
            return row.record()

    @shielded
    async def remove_external_chats(
        self, user_id: str, dialect: Dialect, chat_ids: Iterable[str] | None = None
    ) -> tuple[str, ...]:
        """Remove these chats of the user, or all of them, with their messages; return the ids that existed."""
        chosen = select(ExternalChatRow.id).where(
            ExternalChatRow.user_id == user_id, ExternalChatRow.dialect == dialect
        )
        if chat_ids is not None:
            chosen = chosen.where(ExternalChatRow.id.in_(list(chat_ids)))
        async with self._writing() as session:
            ids = tuple(await session.scalars(chosen))
            await delete_external_chats(session, ids)
            return ids

    # -------------------------------------------------------------- messages

    @shielded
    async def external_messages(self, chat_id: str) -> tuple[ExternalMessage, ...]:
        """List the messages of a chat, in order.

        Args:
            chat_id: a chat that the caller may use (see `external_chat`).
        """
        async with self._reading() as session:
            rows = await session.scalars(
                select(ExternalMessageRow)
                .where(ExternalMessageRow.chat_id == chat_id)
                .order_by(ExternalMessageRow.sequence)
            )
            return tuple(row.record() for row in rows)

    @shielded
    async def add_external_messages(self, chat_id: str, drafts: Sequence[ExternalDraft]) -> tuple[ExternalMessage, ...]:
        """Append messages to a chat atomically; a message whose id exists already is left unchanged.

        Args:
            chat_id: a chat that the caller may use (see `external_chat`).

        Raises:
            NotFound: no such chat.
            Conflict: another chat has a message of this id.
        """
        async with self._writing() as session:
            return await add_drafts(self, session, chat_id, drafts)

    @shielded
    async def update_external_message(
        self, message_id: str, **changes: Unpack[ExternalMessageChanges]
    ) -> ExternalMessage:
        """Update a message: its text while it is spoken, what was heard of it, its kind.

        Raises:
            NotFound: no such message.
        """
        async with self._writing() as session:
            row = await session.get(ExternalMessageRow, message_id)
            if row is None:
                raise NotFound("Message not found: use the id of a message that was added.")
            _change(row, changes)
            return row.record()

    @shielded
    async def remove_external_exchange(self, user_id: str, dialect: Dialect, message_id: str) -> tuple[str, ...]:
        """Remove a message with its question, or with its answers; return the removed ids.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            row = await session.scalar(
                select(ExternalMessageRow)
                .join(ExternalChatRow)
                .where(
                    ExternalMessageRow.id == message_id,
                    ExternalChatRow.user_id == user_id,
                    ExternalChatRow.dialect == dialect,
                )
            )
            if row is None:
                raise NotFound("Message not found: use the id of a message of your own.")
            question = row.parent_id or row.id if row.role == "assistant" else row.id
            same_exchange = (ExternalMessageRow.chat_id == row.chat_id) & (
                (ExternalMessageRow.id == question) | (ExternalMessageRow.parent_id == question)
            )
            ids = tuple(await session.scalars(select(ExternalMessageRow.id).where(same_exchange)))
            await session.execute(delete(ExternalMessageRow).where(same_exchange))
            return ids

    # ----------------------------------------------------------------- files

    @shielded
    async def add_chat_file(
        self, user_id: str, name: str, mime_type: str, size: int, text: str, failure: str | None
    ) -> ChatFile:
        """Add a file with its extracted text."""
        async with self._writing() as session:
            row = ChatFileRow(
                id=self._new_id(),
                user_id=user_id,
                name=clean(name),
                mime_type=clean(mime_type),
                size=size,
                text=clean(text),
                failure=failure,
                created_at=self._now(),
            )
            session.add(row)
            return row.record()

    @shielded
    async def chat_files(self, user_id: str, file_ids: Iterable[str]) -> tuple[ChatFile, ...]:
        """Return those of the files that belong to the user, oldest first."""
        async with self._reading() as session:
            rows = await session.scalars(
                select(ChatFileRow)
                .where(ChatFileRow.user_id == user_id, ChatFileRow.id.in_(list(file_ids)))
                .order_by(ChatFileRow.created_at, ChatFileRow.id)
            )
            return tuple(row.record() for row in rows)

    @shielded
    async def remove_chat_files(self, user_id: str, file_ids: Iterable[str]) -> None:
        """Remove those of the files that belong to the user."""
        async with self._writing() as session:
            await session.execute(
                delete(ChatFileRow).where(ChatFileRow.user_id == user_id, ChatFileRow.id.in_(list(file_ids)))
            )

    # --------------------------------------------------------------- origins

    @shielded
    async def describe_documents(self, document_ids: Iterable[str], *, publisher: str, datasource: str) -> None:
        """Set the origin of installed documents, replacing an earlier one."""
        async with self._writing() as session:
            # Read together, as packs bring dozens and say the same at every start.
            installed = select(DocumentRow.id).where(DocumentRow.id.in_(list(document_ids)))
            described = select(DocumentOriginRow).where(DocumentOriginRow.document_id.in_(installed))
            held = {row.document_id: row for row in await session.scalars(described)}
            for document_id in (await session.scalars(installed)).all():
                if (row := held.get(document_id)) is None:
                    session.add(row := DocumentOriginRow(document_id=document_id))
                row.publisher, row.datasource, row.url = clean(publisher), clean(datasource), ""

    @shielded
    async def document_origins(self) -> dict[str, DocumentOrigin]:
        """Return the origins of documents, by document id."""
        async with self._reading() as session:
            return {row.document_id: row.record() for row in await session.scalars(select(DocumentOriginRow))}


async def delete_external_chats(session: AsyncSession, ids: Sequence[str]) -> None:
    """Delete external chats in an open transaction, with their messages and the answers to their exercises."""
    await session.execute(update(HintRow).where(HintRow.session_id.in_(ids)).values(session_id=None))
    for row in (
        ExerciseResultRow.session_id, ExternalMessageRow.chat_id, PastCallRow.chat_id, JobRow.chat_id,
        ExternalChatRow.id,
    ):  # fmt: skip
        await session.execute(delete(row.class_).where(row.in_(ids)))


async def add_drafts(
    database: Database, session: AsyncSession, chat_id: str, drafts: Sequence[ExternalDraft]
) -> tuple[ExternalMessage, ...]:
    """Append messages within an open transaction (see `ExternalChatStore.add_external_messages`)."""
    added = []
    for draft in drafts:
        # Updating the count first locks the chat's row against concurrent writers.
        sequence = await session.scalar(
            update(ExternalChatRow)
            .where(ExternalChatRow.id == chat_id)
            .values(message_count=ExternalChatRow.message_count + 1, updated_at=database._now())
            .returning(ExternalChatRow.message_count)
        )
        if sequence is None:
            raise NotFound(EXTERNAL_CHAT_NOT_FOUND)
        if draft.id is not None and (there := await session.get(ExternalMessageRow, draft.id)) is not None:
            if there.chat_id != chat_id:
                raise Conflict("Another chat has a message with this id: use a new one.")
            added.append(there.record())
            continue
        row = ExternalMessageRow(
            id=draft.id or database._new_id(),
            chat_id=chat_id,
            sequence=sequence,
            role=draft.role,
            text=clean(draft.text),
            kind=clean(draft.kind),
            origin=draft.origin,
            created_at=database._now(),
            parent_id=draft.parent_id,
            full_text=None,
            heard_ms=None,
            interrupted=False,
            completed=draft.completed,
            data=dict(draft.data),
        )
        session.add(row)
        await session.flush()
        added.append(row.record())
    return tuple(added)


def _change(row: Any, changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, dict(value) if name == "data" else clean(value) if isinstance(value, str) else value)


async def _own_chat(session: AsyncSession, user_id: str, chat_id: str, dialect: Dialect | None) -> ExternalChatRow:
    row = await session.get(ExternalChatRow, chat_id)
    if row is None or row.user_id != user_id or (dialect is not None and row.dialect != dialect):
        raise NotFound(EXTERNAL_CHAT_NOT_FOUND)
    return row
