"""The removal of chats, with everything that was said, recorded, noted and graded in them."""

import re
from collections.abc import Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import NotFound
from models.store.attempts import CHAT_NOT_FOUND, chat_to_change
from models.store.database import Database, shielded, take_write_lock
from models.store.external_chats import delete_external_chats
from models.tables.accounts import TokenChatRow
from models.tables.conversations import AttemptRow, ChatRow, MessageRow
from models.tables.external import ChatFileRow, ExternalChatRow, ExternalMessageRow
from models.tables.jobs import JobRow
from models.tables.open_calls import OpenCallRow
from models.tables.past_calls import PastCallRow
from models.tables.practice import (
    AudioRow,
    DraftRow,
    DraftVersionRow,
    GradeRow,
    KeyedCallRow,
    NoteRow,
    ResponseRow,
    StagedCallRow,
    TestRunRow,
)
from models.tables.telephone import PhoneCallRow

AT_ONCE = 50
"""Most attempts or external chats removed in one transaction, so that other writers need not wait long."""

_QUOTED = re.compile(r'"([^"\\]{1,200})"')


@dataclass(frozen=True, slots=True)
class RemovedChats:
    """What was removed, and whose files are now to be removed, too.

    Attributes:
        chat_ids: the chats, whose calls may have been recorded.
        audio_ids: uploaded recordings that no message has any more.
    """

    chat_ids: tuple[str, ...] = ()
    audio_ids: tuple[str, ...] = ()


class RemovalStore(Database):
    @shielded
    async def remove_chat(self, user_id: str, chat_id: str) -> RemovedChats:
        """Remove a chat of the user with its messages, grades, notes, responses, drafts and uploaded recordings.

        An attempt goes with its last chat. Replies kept for idempotency keys that name the chat or a message go, too.

        Raises:
            NotFound: unknown, or another user's.
        """
        async with self._writing() as session:
            await take_write_lock(session)
            chat, owner = await chat_to_change(session, chat_id)
            if owner != user_id:
                raise NotFound(CHAT_NOT_FOUND)
            audio_ids = await remove_chats_within(session, [(user_id, chat_id)])
            left = await session.scalar(select(func.count()).where(ChatRow.attempt_id == chat.attempt_id))
            if not left:
                await session.execute(delete(AttemptRow).where(AttemptRow.id == chat.attempt_id))
            return RemovedChats((chat_id,), audio_ids)

    @shielded
    async def remove_attempts_before(self, before: datetime, *, but: Collection[str] = ()) -> RemovedChats:
        """Remove at most `AT_ONCE` attempts, with their chats, in which nothing was said since `before`.

        Args:
            before: compared with the last message of an attempt, and with its start where nothing was said.
            but: chats that are in use; their attempts stay.
        """
        said_since = (
            select(MessageRow.id)
            .join(ChatRow, ChatRow.id == MessageRow.chat_id)
            .where(ChatRow.attempt_id == AttemptRow.id, MessageRow.created_at >= before)
        )
        used = select(ChatRow.attempt_id).where(ChatRow.id.in_(list(but)))
        in_call = (
            select(OpenCallRow.chat_id)
            .join(ChatRow, ChatRow.id == OpenCallRow.chat_id)
            .where(ChatRow.attempt_id == AttemptRow.id, OpenCallRow.released_at.is_(None))
        )
        old = (
            select(AttemptRow.id)
            .where(AttemptRow.created_at < before, ~said_since.exists(), AttemptRow.id.not_in(used), ~in_call.exists())
            .order_by(AttemptRow.created_at)
            .limit(AT_ONCE)
        )
        async with self._writing() as session:
            await take_write_lock(session)
            attempt_ids = list(await session.scalars(old))
            if not attempt_ids:
                return RemovedChats()
            of_attempts = (
                select(AttemptRow.user_id, ChatRow.id)
                .join(ChatRow, ChatRow.attempt_id == AttemptRow.id)
                .where(AttemptRow.id.in_(attempt_ids))
            )
            chats = [(user_id, chat_id) for user_id, chat_id in await session.execute(of_attempts)]
            audio_ids = await remove_chats_within(session, chats)
            await session.execute(delete(AttemptRow).where(AttemptRow.id.in_(attempt_ids)))
            return RemovedChats(tuple(chat_id for _, chat_id in chats), audio_ids)

    @shielded
    async def remove_external_chats_before(self, before: datetime, *, but: Collection[str] = ()) -> RemovedChats:
        """Remove at most `AT_ONCE` chats of other doors, unchanged since `before`, but those in use."""
        in_call = select(OpenCallRow.chat_id).where(OpenCallRow.released_at.is_(None))
        old = (
            select(ExternalChatRow.id)
            .where(
                ExternalChatRow.updated_at < before,
                ExternalChatRow.id.not_in(list(but)),
                ExternalChatRow.id.not_in(in_call),
            )
            .order_by(ExternalChatRow.updated_at)
            .limit(AT_ONCE)
        )
        async with self._writing() as session:
            await take_write_lock(session)
            ids = tuple(await session.scalars(old))
            await delete_external_chats(session, ids)
            return RemovedChats(ids)

    @shielded
    async def remove_leftovers_before(self, before: datetime) -> RemovedChats:
        """Remove what is older than `before` and in no chat: uploads, files, replies kept for keys, phone calls."""
        async with self._writing() as session:
            await take_write_lock(session)
            in_use = select(MessageRow.audio_ref).where(MessageRow.audio_ref.is_not(None))
            unused = delete(AudioRow).where(AudioRow.created_at < before, AudioRow.id.not_in(in_use))
            audio_ids = tuple(await session.scalars(unused.returning(AudioRow.id)))
            await session.execute(delete(KeyedCallRow).where(KeyedCallRow.created_at < before))
            await session.execute(delete(StagedCallRow).where(StagedCallRow.created_at < before))
            await session.execute(delete(PhoneCallRow).where(PhoneCallRow.began_at < before))
            old = list(await session.scalars(select(ChatFileRow.id).where(ChatFileRow.created_at < before)))
            if old:
                left = set(old) - await _files_in_use(session)
                await session.execute(delete(ChatFileRow).where(ChatFileRow.id.in_(left)))
            return RemovedChats(audio_ids=audio_ids)


async def remove_chats_within(session: AsyncSession, chats: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Delete chats, given with their users; return the uploaded recordings that no message has any more."""
    ids = [chat_id for _, chat_id in chats]
    messages = (
        await session.execute(select(MessageRow.id, MessageRow.audio_ref).where(MessageRow.chat_id.in_(ids)))
    ).all()
    await _forget_replies(session, {user_id for user_id, _ in chats}, {*ids, *(message.id for message in messages)})
    drafts = select(DraftRow.id).where(DraftRow.chat_id.in_(ids))
    await session.execute(delete(DraftVersionRow).where(DraftVersionRow.draft_id.in_(drafts)))
    # Messages refer to each other, which a single statement may delete; notes refer to messages.
    for column in (
        DraftRow.chat_id, StagedCallRow.chat_id, TokenChatRow.chat_id, NoteRow.chat_id, GradeRow.chat_id,
        ResponseRow.chat_id, MessageRow.chat_id, OpenCallRow.chat_id, PastCallRow.chat_id, JobRow.chat_id,
    ):  # fmt: skip
        await session.execute(delete(column.class_).where(column.in_(ids)))
    await session.execute(update(TestRunRow).where(TestRunRow.chat_id.in_(ids)).values(chat_id=None))
    await session.execute(update(PhoneCallRow).where(PhoneCallRow.chat_id.in_(ids)).values(chat_id=None))
    await session.execute(update(ChatRow).where(ChatRow.previous_chat_id.in_(ids)).values(previous_chat_id=None))
    await session.execute(delete(ChatRow).where(ChatRow.id.in_(ids)))
    # A chat that took over an earlier one has its recordings, too.
    audio_ids = {message.audio_ref for message in messages if message.audio_ref}
    audio_ids -= set(await session.scalars(select(MessageRow.audio_ref).where(MessageRow.audio_ref.in_(audio_ids))))
    await session.execute(delete(AudioRow).where(AudioRow.id.in_(audio_ids)))
    return tuple(audio_ids)


async def _forget_replies(session: AsyncSession, user_ids: Iterable[str], names: AbstractSet[str]) -> None:
    """Delete the replies kept for idempotency keys in which one of these ids is written: they may quote a message."""
    for user_id in user_ids:
        of_user = KeyedCallRow.user_id == user_id
        kept = await session.execute(select(KeyedCallRow.key, KeyedCallRow.reply).where(of_user))
        keys = [key for key, reply in kept if not names.isdisjoint(_QUOTED.findall(reply or ""))]
        await session.execute(delete(KeyedCallRow).where(of_user, KeyedCallRow.key.in_(keys)))


async def _files_in_use(session: AsyncSession) -> set[str]:
    used: set[str] = set()
    for column in (ExternalMessageRow.data, ExternalChatRow.data):
        async for data in await session.stream_scalars(select(column)):
            used.update(str(name) for name in data.get("files") or ())
    return used
