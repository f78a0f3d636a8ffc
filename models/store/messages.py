"""The messages of chats, and the context that replies are generated from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict, Unpack

from sqlalchemy import and_, bindparam, exists, insert, literal, select, true, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import lazyload

from models.columns import clean
from models.errors import Conflict, Invalid, NotFound
from models.records.core import Chat, ChatContext, Message, Origin, Role
from models.store.attempts import CHAT_NOT_FOUND
from models.store.configuration import configured
from models.store.database import Database, shielded
from models.store.jobs import settle_job
from models.tables.content import DocumentRow, PersonaRow, ScenarioDocumentRow, ScenarioPersonaRow, ScenarioRow
from models.tables.conversations import CHATS, MESSAGE_COLUMNS, MESSAGES, AttemptRow, ChatRow

MAX_ID_LENGTH = 200

# Statements are built once, since building one takes longer than running it.

_COUNT = (
    update(CHATS)
    .where(CHATS.c.id == bindparam("chat"))
    .values(message_count=CHATS.c.message_count + 1)
    .returning(CHATS.c.message_count)
)
_STORED = select(*MESSAGE_COLUMNS).where(MESSAGES.c.id == bindparam("message"))
_ADD = insert(MESSAGES).returning(*MESSAGE_COLUMNS)
_LAST = MESSAGES.alias("last")
_ADD_AS_ANSWER = _ADD.values(
    parent_id=select(_LAST.c.id)
    .where(_LAST.c.chat_id == bindparam("chat"), _LAST.c.sequence == bindparam("last"))
    .scalar_subquery()
)
_IN_ORDER = (
    select(CHATS.c.id, *MESSAGE_COLUMNS)
    .outerjoin(MESSAGES, MESSAGES.c.chat_id == CHATS.c.id)
    .where(CHATS.c.id == bindparam("chat"))
    .order_by(MESSAGES.c.sequence)
)
# One query: rows for the scenario, each persona, each document and each message; each part joins its own table.
_PART = union_all(*(select(literal(number).label("number")) for number in range(4))).subquery("part")
_CONTEXT = (
    select(ChatRow, AttemptRow.user_id, ScenarioRow, PersonaRow, DocumentRow, *MESSAGE_COLUMNS)
    .select_from(ChatRow)
    .join(AttemptRow, AttemptRow.id == ChatRow.attempt_id)
    .join(_PART, true())
    .outerjoin(ScenarioRow, and_(_PART.c.number == 0, ScenarioRow.id == ChatRow.scenario_id))
    .outerjoin(ScenarioPersonaRow, and_(_PART.c.number == 1, ScenarioPersonaRow.scenario_id == ChatRow.scenario_id))
    .outerjoin(PersonaRow, PersonaRow.id == ScenarioPersonaRow.persona_id)
    .outerjoin(ScenarioDocumentRow, and_(_PART.c.number == 2, ScenarioDocumentRow.scenario_id == ChatRow.scenario_id))
    .outerjoin(DocumentRow, DocumentRow.id == ScenarioDocumentRow.document_id)
    .outerjoin(MESSAGES, and_(_PART.c.number == 3, MESSAGES.c.chat_id == ChatRow.id))
    .where(ChatRow.id == bindparam("chat"))
    .order_by(_PART.c.number, ScenarioPersonaRow.position, ScenarioDocumentRow.position, MESSAGES.c.sequence)
    .options(lazyload("*"))
)


class MessageChanges(TypedDict, total=False):
    """The mutable fields of a message; the others are immutable history."""

    text: str
    full_text: str | None
    heard_ms: int | None
    interrupted: bool
    completed: bool
    audio_ref: str | None
    started_ms: int | None
    ended_ms: int | None
    latency: Mapping[str, int] | None


class MessageStore(Database):
    @shielded
    async def context(self, chat_id: str, configuration: Mapping[str, Any] | None = None) -> ChatContext:
        """Return a chat with its scenario, personas, documents and messages, in order, in one round trip.

        Args:
            chat_id: a chat that the caller may use (see `chat`).
            configuration: show the chat as it would be with this configuration; None for its own.

        Raises:
            NotFound: no such chat.
        """
        async with self._reading() as session:
            rows = (await session.execute(_CONTEXT, {"chat": chat_id})).all()
            if not rows:
                raise NotFound(CHAT_NOT_FOUND)
            personas = tuple(row[3].record() for row in rows if row[3])
            documents = tuple(row[4].record() for row in rows if row[4])
            scenarios = [
                row[2].record(
                    persona_ids=tuple(persona.id for persona in personas),
                    document_ids=tuple(document.id for document in documents),
                )
                for row in rows
                if row[2]
            ]
            found, user_id = rows[0][:2]
            chat: Chat = found.record(user_id)
            if configuration is not None:
                dropped = bool(chat.configuration.get("name")) and not configuration.get("name")
                plain = scenarios[0].name if dropped and scenarios else chat.name
                name = str(configuration.get("name") or plain)
                chat = replace(chat, configuration=configuration, name=name)
            context = ChatContext(
                chat=chat,
                personas=personas,
                scenario=scenarios[0] if scenarios else None,
                documents=documents,
                messages=tuple(Message(*row[5:]) for row in rows if row[5]),
            )
            return await configured(session, context)

    @shielded
    async def messages(self, chat_id: str) -> tuple[Message, ...]:
        """List the messages of a chat, in order.

        Args:
            chat_id: a chat that the caller may use (see `chat`).

        Raises:
            NotFound: no such chat.
        """
        async with self._reading() as session:
            rows = (await session.execute(_IN_ORDER, {"chat": chat_id})).all()
            if not rows:
                raise NotFound(CHAT_NOT_FOUND)
            return tuple(Message(*row[1:]) for row in rows if row[1])

    @shielded
    async def add_message(
        self,
        chat_id: str,
        role: Role,
        text: str,
        *,
        origin: Origin,
        id: str | None = None,  # noqa: A002
        parent_id: str | None = None,
        auto_link_parent: bool = True,
        persona_id: str | None = None,
        audio_ref: str | None = None,
        completed: bool = True,
        full_text: str | None = None,
        heard_ms: int | None = None,
        interrupted: bool = False,
        started_ms: int | None = None,
        ended_ms: int | None = None,
        latency: Mapping[str, int] | None = None,
        job_id: str | None = None,
    ) -> Message:
        """Append a message to a chat. Characters that cannot be stored (NUL, lone surrogates) become U+FFFD.

        Args:
            chat_id: a chat that the caller may use (see `chat`).
            id: the message's id. Idempotent: adding an id to the same chat again returns the existing message.
            parent_id: the message that this one answers.
            auto_link_parent: without a parent_id, make the chat's last message the parent.
            job_id: the work of which the message is the result; it is over with it.

        Raises:
            NotFound: no such chat or persona, or the parent is not in this chat.
            Conflict: a message of another chat has this id, or another process has taken the work over.
            Invalid: the id is empty, too long, or contains characters that cannot be stored.
        """
        if id is not None and not (0 < len(id) <= MAX_ID_LENGTH and id == clean(id)):
            raise Invalid(f"A message id is 1 to {MAX_ID_LENGTH} plain letters: use a UUID, or leave it out.")
        async with self._writing() as session:
            # Updating the count first locks the chat's row against concurrent writers.
            sequence = await session.scalar(_COUNT, {"chat": chat_id})
            if sequence is None:
                raise NotFound(CHAT_NOT_FOUND)
            if id is not None and (row := (await session.execute(_STORED, {"message": id})).one_or_none()):
                stored = Message(*row)
                if stored.chat_id != chat_id:
                    raise Conflict("Another chat has a message with this id: use a new one.")
                await session.rollback()
                return stored
            await _check_references(session, chat_id, parent_id, persona_id)
            if job_id is not None:
                await settle_job(session, job_id, self.process_id)
            values = {
                "id": id or self._new_id(),
                "chat_id": chat_id,
                "sequence": sequence,
                "role": role,
                "text": text,
                "origin": origin,
                "created_at": self._now(),
                "persona_id": persona_id,
                "audio_ref": audio_ref,
                "full_text": full_text,
                "heard_ms": heard_ms,
                "interrupted": interrupted,
                "completed": completed,
                "started_ms": started_ms,
                "ended_ms": ended_ms,
                "latency": None if latency is None else dict(latency),
            }
            if parent_id is None and auto_link_parent:
                added = await session.execute(_ADD_AS_ANSWER, values | {"chat": chat_id, "last": sequence - 1})
            else:
                added = await session.execute(_ADD, values | {"parent_id": parent_id})
            return Message(*added.one())

    @shielded
    async def update_message(self, message_id: str, **changes: Unpack[MessageChanges]) -> Message:
        """Update a message: its text while it is generated, and what was heard of it.

        Raises:
            NotFound: no such message.
            TypeError: an immutable field was given.
        """
        if unknown := changes.keys() - MessageChanges.__annotations__.keys():
            raise TypeError(f"These do not change once a message is added: {', '.join(sorted(unknown))}.")
        async with self._writing() as session:
            if changes:
                change = update(MESSAGES).where(MESSAGES.c.id == message_id).values(changes)
                row = (await session.execute(change.returning(*MESSAGE_COLUMNS))).one_or_none()
            else:
                row = (await session.execute(_STORED, {"message": message_id})).one_or_none()
            if row is None:
                raise NotFound("Message not found: use the id of a message that was added.")
            return Message(*row)


async def _check_references(session: AsyncSession, chat_id: str, parent_id: str | None, persona_id: str | None) -> None:
    if parent_id is not None and not await session.scalar(
        select(exists().where(MESSAGES.c.id == parent_id, MESSAGES.c.chat_id == chat_id))
    ):
        raise NotFound("Parent message not found in this chat: use one of its messages, or leave it out.")
    if persona_id is not None and not await session.scalar(select(exists().where(PersonaRow.id == persona_id))):
        raise NotFound("Persona not found: use one of the chat's personas, or leave it out.")
