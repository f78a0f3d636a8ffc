"""Stores what the learner says and types: in order, each message once, off the live path."""

import asyncio
import logging
from collections.abc import Callable

from models.columns import clean
from models.errors import LeaseLost, StorageFailed
from models.records.core import Role
from pipeline.conversation.conversation import Conversation, MessageLog
from pipeline.conversation.events import Problem, SessionEvent, UserMessage
from pipeline.tasks.writer import StorageBehind, Write, Writer

KEPT = Problem(
    "storage_failed", "The database is away; what is said is kept, and stored as soon as the database is back."
)
LOST = Problem("storage_failed", "The last messages of this call could not be stored; they are lost.")

log = logging.getLogger(__name__)


class LearnerMessages:
    """The learner's side of one chat.

    Args:
        conversation: takes each message at once, as context of the reply.
        store: where messages are kept.
        writer: the call's queue of storage.
        new_id: makes ids.
        emit: publishes each message once it is stored, and problems.
        give_up: called when the call can no longer be stored.
        moved: called when another process has the call.
    """

    def __init__(
        self,
        conversation: Conversation,
        store: MessageLog,
        writer: Writer,
        *,
        new_id: Callable[[], str],
        emit: Callable[[SessionEvent], None],
        give_up: Callable[[], None],
        moved: Callable[[], None],
    ) -> None:
        self._conversation = conversation
        self._store = store
        self._writer = writer
        self._new_id = new_id
        self._emit = emit
        self._give_up = give_up
        self._moved = moved
        self._typed: dict[str, asyncio.Future[str]] = {}

    def typed(
        self,
        turn: int,
        text: str,
        message_id: str | None = None,
        *,
        role: Role = "user",
        after: str | None = None,
    ) -> asyncio.Future[str]:
        """Take a typed message; the future resolves to its id once it is stored, or to the error.

        Half a character of it becomes U+FFFD.

        Args:
            role, after: as `Conversation.typed`; the persona's words are not published.

        Raises:
            StorageBehind: too many messages wait to be stored.
        """
        text = clean(text)
        message_id = name = message_id or self._new_id()
        stored: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._typed[name] = stored
        stored.add_done_callback(lambda _: self._typed.pop(name, None))

        async def store() -> None:
            try:
                await self._store.add_message(self._conversation.chat_id, role, text, origin="typed", id=message_id)
            except StorageFailed:
                raise  # it is attempted again
            except BaseException as error:
                if not stored.done():
                    stored.set_exception(error)
                    stored.exception()
                raise
            if role == "user":
                self._emit(UserMessage(turn, message_id, text))
            if not stored.done():
                stored.set_result(message_id)

        self._conversation.typed(text, message_id, role, after)
        self._writer.put(store)
        return stored

    def repeated(self, turn: int, text: str, message_id: str) -> asyncio.Future[str]:
        """Take a typed message that came before, as its caller was not told: it is acknowledged again."""
        if (stored := self._typed.get(message_id)) is not None:
            return stored
        self._emit(UserMessage(turn, message_id, text))
        stored = asyncio.get_running_loop().create_future()
        stored.set_result(message_id)
        return stored

    def spoken(self, turn: int, text: str) -> None:
        """Take what was said in a turn; a reopened turn has its message replaced."""
        message_id, is_new = self._conversation.spoken(turn, text, self._new_id())

        async def store() -> None:
            if is_new:
                await self._store.add_message(self._conversation.chat_id, "user", text, origin="spoken", id=message_id)
            else:
                await self._store.update_message(message_id, text=text)
            self._emit(UserMessage(turn, message_id, text))

        self.store(store)

    def store(self, write: Write) -> None:
        """Queue a write; a call that can no longer be stored ends, lest it be lost."""
        self._attempt(lambda: self._writer.put(write))

    def once_stored(self, act: Callable[[], None]) -> None:
        """Call `act` once all so far is stored, or kept as the database is away."""
        self._attempt(lambda: self._writer.then(act))

    def _attempt(self, put: Callable[[], None]) -> None:
        try:
            put()
        except StorageBehind as error:
            self._emit(Problem(error.code, str(error), fatal=True))
            self._give_up()

    def failed(self, error: Exception) -> None:
        """Report a message that could not be stored, or that waits for the database."""
        if isinstance(error, StorageFailed):
            self._emit(KEPT)
            return
        if isinstance(error, LeaseLost):
            self._moved()
            return
        log.error("A message could not be stored: %s", error)
        self._emit(Problem("storage_failed", "A message could not be stored; the conversation goes on without it."))

    def lost(self, writes: int) -> None:
        """Report that the call ends with so many writes not carried out, as the database stayed away."""
        log.error("%d writes of a call are lost: the database stayed away.", writes)
        self._emit(LOST)
        for stored in list(self._typed.values()):
            stored.set_exception(StorageFailed(LOST.message))
            stored.exception()
