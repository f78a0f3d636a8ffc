"""Calls that wait until their user accepts or drops them: one for each operation and chat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import NotFound
from models.records.outcomes import StagedCall
from models.store import Store


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call is about: a chat, an attempt, or neither."""

    chat_id: str = ""
    attempt_id: str = ""

    @property
    def id(self) -> str:
        """What names it among the staged calls of an operation."""
        return self.chat_id or self.attempt_id


class Staging:
    """Keeps calls and hands them out once.

    Args:
        store: where they wait.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stage(
        self, user_id: str, artifact: str, operation: str, subject: Subject, payload: Mapping[str, Any]
    ) -> StagedCall:
        """Keep a call; a later one of the same operation on the same subject replaces it.

        Args:
            artifact, operation: what is to be called, such as "attempt" and "chat_grade".
            payload: what it is to be called with, as JSON values.

        Raises:
            NotFound: the chat or the attempt is unknown, or another user's.
        """
        if subject.chat_id:
            await self._store.chat(user_id, subject.chat_id)
        elif subject.attempt_id:
            await self._store.attempt(user_id, subject.attempt_id)
        return await self._store.stage_call(user_id, f"{artifact}.{operation}", subject.id, payload)

    async def take(self, user_id: str, artifact: str, operation: str, subject: Subject) -> StagedCall:
        """Return the call that waits, which waits no longer: to be carried out, or to be dropped.

        Raises:
            NotFound: none waits.
        """
        taken = await self._store.take_staged_call(user_id, f"{artifact}.{operation}", subject.id)
        if taken is None:
            raise nothing_pending(operation)
        return taken


def nothing_pending(operation: str) -> NotFound:
    """Return the refusal of an acceptance for which nothing waits."""
    return NotFound(f"No pending {operation}")
