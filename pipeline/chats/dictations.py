"""Calls without a chat: what is said is written down for the caller alone, answered by nobody, and kept nowhere."""

import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Unpack

from models.records.core import Chat, ChatContext, Origin, Role
from models.store import MessageChanges
from pipeline.conversation.conversation import Conversation, OpenConversation

BEGUN_LIMIT = 1_000
"""Most dictations that have begun and have no call yet; beyond it the oldest are forgotten."""


class KeptNowhere:
    """A log that keeps no message."""

    async def add_message(
        self,
        chat_id: str,
        role: Role,
        text: str,
        *,
        origin: Origin,
        id: str | None = None,  # noqa: A002
        persona_id: str | None = None,
        completed: bool = True,
    ) -> None:
        """Keep nothing."""

    async def update_message(self, message_id: str, **changes: Unpack[MessageChanges]) -> None:
        """Keep nothing."""


class Dictations:
    """The source of these calls' conversations."""

    def __init__(self) -> None:
        self._begun: OrderedDict[str, str] = OrderedDict()

    def begin(self, user_id: str) -> str:
        """Begin a dictation of a user's; return the id by which its call is opened, once."""
        name = f"dictation-{uuid.uuid4()}"
        self._begun[name] = user_id
        while len(self._begun) > BEGUN_LIMIT:
            self._begun.popitem(last=False)
        return name

    async def open(self, user_id: str, chat_id: str) -> OpenConversation | None:
        """Open a dictation that this user has begun; None for anything else."""
        if self._begun.get(chat_id) != user_id:
            return None
        del self._begun[chat_id]
        chat = Chat(chat_id, "", user_id, "Dictation", None, 0, datetime.min.replace(tzinfo=UTC))
        return OpenConversation(Conversation(ChatContext(chat, (), None, (), ())), KeptNowhere())
