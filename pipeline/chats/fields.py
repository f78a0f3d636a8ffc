"""The fields that a persona's tools note in a chat, stored and published."""

from models.store import Store
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub


class FieldNotes:
    """Notes values in chats.

    Args:
        store: keeps them.
        hub: takes the event of each.
    """

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub

    async def note(self, chat_id: str, name: str, value: str) -> None:
        """Note a value in a chat, in place of an earlier one of this name.

        Raises:
            NotFound: no such chat.
            Invalid: the chat has as many fields as it can have.
        """
        user_id = await self._store.set_field(chat_id, name, value)
        ChatChannel(self._hub, chat_id, user_id).field_noted(name, value)
