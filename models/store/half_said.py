"""Replies that a process was saying when it ended: they are completed by what was heard of them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Table, and_, false, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.conversations import MESSAGES
from models.tables.external import EXTERNAL_MESSAGES
from models.tables.open_calls import OpenCallRow

TABLES = (MESSAGES, EXTERNAL_MESSAGES)
"""What has spoken messages."""


async def complete_half_said(session: AsyncSession, table: Table, which: ColumnElement[bool]) -> Sequence[str]:
    """Complete the half-said messages of a table; return their ids.

    The calls in which they were being said owe their owners the ends: their process may have ended, or may have been
    taken for gone, before it stored what it was saying.
    """
    half = and_(table.c.completed == false(), table.c.origin == "spoken", which)
    # A claim locks the call before its messages, too.
    calls = select(OpenCallRow.chat_id).where(OpenCallRow.chat_id.in_(select(table.c.chat_id).where(half)))
    await session.execute(calls.order_by(OpenCallRow.chat_id).with_for_update())
    values = {"interrupted": True, "completed": True}
    cut = update(table).where(half).values(values).returning(table.c.id, table.c.chat_id)
    replies = (await session.execute(cut)).all()
    for reply_id, chat_id in replies:
        owes = update(OpenCallRow).where(OpenCallRow.chat_id == chat_id)
        await session.execute(owes.values(reply_id=reply_id))
    return [reply_id for reply_id, _ in replies]
