"""Replies that a process was saying when it ended: they are completed by what was heard of them."""

from sqlalchemy import Table, Update, false, update

from models.tables.conversations import MESSAGES
from models.tables.external import EXTERNAL_MESSAGES

TABLES = (MESSAGES, EXTERNAL_MESSAGES)
"""What has spoken messages."""


def half_said(table: Table) -> Update:
    """Return the statement that completes all half-said messages of a table."""
    half = update(table).where(table.c.completed == false(), table.c.origin == "spoken")
    return half.values({"interrupted": True, "completed": True})
