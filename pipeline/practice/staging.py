"""Staged operations, which wait to be accepted or dropped: one for each operation and subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import NotFound
from models.records.outcomes import StagedCall
from models.store import Store


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of an operation: a chat, an attempt, or neither."""

    chat_id: str = ""
    attempt_id: str = ""

    @property
    def id(self) -> str:
        """Its key among the staged operations."""
        return self.chat_id or self.attempt_id


class Staging:
    """Stages operations; each can be taken once.

    Args:
        store: keeps them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stage(
        self, user_id: str, artifact: str, operation: str, subject: Subject, payload: Mapping[str, Any]
    ) -> StagedCall:
        """Stage an operation; it replaces an earlier one of the same name on the same subject.

        Args:
            artifact, operation: its name, such as "attempt" and "chat_grade".
            payload: its arguments, as JSON values.

        Raises:
            NotFound: the chat or the attempt is unknown, or another user's.
        """
        if subject.chat_id:
            await self._store.chat(user_id, subject.chat_id)
        elif subject.attempt_id:
            await self._store.attempt(user_id, subject.attempt_id)
        return await self._store.stage_call(user_id, f"{artifact}.{operation}", subject.id, payload)

    async def take(self, user_id: str, artifact: str, operation: str, subject: Subject) -> StagedCall:
        """Remove and return a staged operation, to be carried out or dropped.

        Raises:
            NotFound: none is staged.
        """
        taken = await self._store.take_staged_call(user_id, f"{artifact}.{operation}", subject.id)
        if taken is None:
            raise nothing_pending(operation)
        return taken


def nothing_pending(operation: str) -> NotFound:
    """Make the error for an acceptance when nothing is staged."""
    return NotFound(f"No pending {operation}")
