"""The chats that a user may read, and those that still take messages."""

from models.errors import Conflict, NotFound
from models.records.core import Chat
from models.store import Store
from pipeline.chats.chats import CHAT_ENDED
from pipeline.practice.timing import time_of

NOT_IN_ATTEMPT = "There is no such chat in this attempt; leave attempt_id out or give the right one."
TIME_IS_UP = "The time for this chat is up: go on to the next one, or end the attempt."


class OwnChats:
    """Finds the chats of one user.

    Args:
        store: keeps them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, user_id: str, chat_id: str, attempt_id: str | None = None) -> Chat:
        """Return one of the user's chats, of this attempt if one is given.

        Raises:
            NotFound: unknown, another user's, or of another attempt.
        """
        chat = await self._store.chat(user_id, chat_id)
        if attempt_id is not None and attempt_id != chat.attempt_id:
            raise NotFound(NOT_IN_ATTEMPT)
        return chat

    async def open(self, user_id: str, chat_id: str, attempt_id: str | None = None) -> Chat:
        """Return one of the user's chats that still takes messages, and start its time.

        Raises:
            NotFound: unknown, another user's, or of another attempt.
            Conflict: it has ended, or its time is up (which ends it).
        """
        chat = await self.find(user_id, chat_id, attempt_id)
        if chat.completed_at is not None:
            raise Conflict(CHAT_ENDED)
        attempt = await self._store.attempt(user_id, chat.attempt_id)
        simulation = await self._store.simulation(attempt.simulation_id)
        if time_of(chat, attempt, simulation, self._store.now()).expired:
            await self._store.complete_chat(chat_id, TIME_IS_UP)
            raise Conflict(TIME_IS_UP)
        return chat if chat.started_at is not None else await self._store.open_chat(chat_id)
