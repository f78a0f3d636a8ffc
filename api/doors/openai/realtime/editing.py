"""A client's changes of the conversation: items that it creates, deletes and truncates, as commands to the call."""

from collections import OrderedDict
from typing import Any
from uuid import uuid4

from api.doors.line import AddMessage, Command, Forget, ToolAnswered
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.realtime.items import FIRST, ConversationItem, Items, read_item, text_of

TYPED_KEPT = 200
"""Messages of which is remembered that the client typed them itself."""

Edited = tuple[list[Command], list[dict[str, Any]]]


class Editing:
    """The changes of one session.

    Attributes:
        changed: the latest change was one of the instructions.
    """

    def __init__(self, items: Items) -> None:
        self._items = items
        self._notes: OrderedDict[str, str] = OrderedDict()
        self._typed: OrderedDict[str, None] = OrderedDict()
        self.changed = False

    @property
    def instructions(self) -> str:
        """The client's system messages, one after the other."""
        return "\n\n".join(self._notes.values())

    def is_typed(self, message_id: str) -> bool:
        """Return whether a message of the call is one that this client has typed."""
        return message_id in self._typed

    def create(self, read: dict[str, Any]) -> Edited:
        """Create an item; nothing is answered by that.

        Raises:
            RealtimeError: it is no item, or cannot be taken.
        """
        item = read_item(read.get("item"))
        after = read.get("previous_item_id")
        if after is not None and not isinstance(after, str):
            raise RealtimeError("invalid_value", "The id of an item is a string.", "previous_item_id")
        self.changed = False
        commands = self._commands(item, after)
        previous = self._items.add(item, after)
        told = [
            {"type": f"conversation.item.{step}", "previous_item_id": previous, "item": dict(item.shown)}
            for step in ("added", "done")
        ]
        if self.changed:
            self._notes[item.id] = text_of(item)
        return commands, told

    def _commands(self, item: ConversationItem, after: str | None) -> list[Command]:
        match item.shown:
            case {"type": "function_call_output", "call_id": call_id, "output": output}:
                if not self._items.knows_call(call_id):
                    sentence = f"No tool was called with the id {call_id[:80]!r}."
                    raise RealtimeError("item_create_invalid_call_id", sentence, "item.call_id")
                return [ToolAnswered(call_id, output)]
            case {"type": "function_call"}:
                return []  # told back to the client; the call's own calls are known
            case {"role": "system"}:
                self.changed = bool(text_of(item))
                return []
            case {"role": role}:
                words = text_of(item)
                item.message_id = str(uuid4())
                self._typed[item.message_id] = None
                while len(self._typed) > TYPED_KEPT:
                    self._typed.popitem(last=False)
                place = None if after is None or after == self._items.last else self._message_before(after)
                return [AddMessage(words, item.message_id, role, place)] if words else []
        return []

    def _message_before(self, after: str) -> str | None:
        if after == FIRST or after not in self._items:
            return ""
        return self._items.find(after, "create").message_id

    def delete(self, read: dict[str, Any]) -> Edited:
        """Delete an item: what is answered from now on is answered without it.

        Raises:
            RealtimeError: there is none of this id.
        """
        item = self._items.find(read.get("item_id"), "delete")
        self._items.remove(item)
        self.changed = self._notes.pop(item.id, None) is not None
        forget: list[Command] = [Forget(item.message_id)] if item.message_id else []
        return forget, [{"type": "conversation.item.deleted", "item_id": item.id}]

    def truncation(self, read: dict[str, Any]) -> tuple[ConversationItem, int]:
        """Read a truncation: the item, and the milliseconds of its audio that were heard, at most those it has.

        Raises:
            RealtimeError: there is no such item, it is not the persona's, or the time is none.
        """
        item = self._items.find(read.get("item_id"), "truncate")
        if item.shown.get("role") != "assistant":
            sentence = "Only messages of the assistant can be truncated."
            raise RealtimeError("item_truncate_invalid_item_id", sentence, "item_id")
        end_ms = read.get("audio_end_ms")
        if isinstance(end_ms, bool) or not isinstance(end_ms, int | float) or not 0 <= end_ms < 10**9:
            raise RealtimeError("invalid_value", "Give milliseconds of audio, 0 or more.", "audio_end_ms")
        return item, min(int(end_ms), item.audio_ms)
