"""The items of a Realtime conversation: what the client sees of messages and of calls of tools."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from api.doors.openai.realtime.errors import RealtimeError

ITEMS_LIMIT = 2_000
"""Most items of a session that the client can still name; beyond it the oldest are forgotten, here alone."""

FIRST = "root"
"""The `previous_item_id` of the first item."""

TEXT_LIMIT = 20_000
"""Most characters of one message."""


def new_name(kind: str) -> str:
    """Return a random id: `item_...`, `resp_...`."""
    return f"{kind}_{uuid4().hex[:24]}"


@dataclass
class ConversationItem:
    """An item, and what it is in the call.

    Attributes:
        shown: as clients see it, in the GA dialect.
        message_id: the call's message; for a tool the id of its call. None for what is no message.
        audio_ms: milliseconds of its audio that were sent.
        from_ms: where in the reply its audio begins; a reply that was held and went on has two items.
    """

    shown: dict[str, Any]
    message_id: str | None = None
    audio_ms: int = 0
    from_ms: int = 0

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.shown["id"])


class Items:
    """The items of one session, in order."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, ConversationItem] = OrderedDict()

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._items

    @property
    def last(self) -> str | None:
        """The id of the last item; None without any."""
        return next(reversed(self._items), None)

    def add(self, item: ConversationItem, after: str | None = None) -> str | None:
        """Add an item; return the id of the one before it.

        Args:
            after: the item that it follows; `FIRST` for none, None for the last one.

        Raises:
            RealtimeError: there is an item with its id, or none to follow.
        """
        if item.id in self._items:
            raise RealtimeError(
                "item_create_duplicate_item_id", "There is an item with this id already; give another.", "item.id"
            )
        if after not in (None, FIRST, *self._items):
            raise RealtimeError(
                "item_create_invalid_previous_item_id", "There is no item to put it after.", "previous_item_id"
            )
        if after is None or after == self.last:
            before = self.last
            self._items[item.id] = item
        else:
            before = None if after == FIRST else after
            names = list(self._items)
            place = 0 if after == FIRST else names.index(str(after)) + 1
            self._items[item.id] = item
            for name in names[place:]:
                self._items.move_to_end(name)
        while len(self._items) > ITEMS_LIMIT:
            self._items.popitem(last=False)
        return before

    def find(self, item_id: Any, verb: str) -> ConversationItem:
        """Return an item.

        Args:
            verb: what is to be done with it, as error codes name it.

        Raises:
            RealtimeError: there is none of this id.
        """
        if not isinstance(item_id, str) or not item_id:
            raise RealtimeError("missing_required_parameter", "Missing required parameter: 'item_id'.", "item_id")
        found = self._items.get(item_id)
        if found is None:
            raise RealtimeError(f"item_{verb}_invalid_item_id", f"There is no item {item_id[:80]!r}.", "item_id")
        return found

    def knows_call(self, call_id: str) -> bool:
        """Return whether a tool was called with this id."""
        return any(
            item.shown.get("type") == "function_call" and item.message_id == call_id for item in self._items.values()
        )

    def remove(self, item: ConversationItem) -> None:
        """Forget an item."""
        del self._items[item.id]


def read_item(given: Any) -> ConversationItem:
    """Read the item of a `conversation.item.create`, with an id of its own if it has none.

    Raises:
        RealtimeError: it is no item, or holds what cannot be taken.
    """
    if not isinstance(given, dict):
        raise RealtimeError("missing_required_parameter", "Missing required parameter: 'item'.", "item")
    name = given.get("id") or new_name("item")
    if not isinstance(name, str) or len(name) > 200:
        raise RealtimeError("invalid_value", "An item's id is a string of at most 200 characters.", "item.id")
    head = {"id": name, "object": "realtime.item", "type": given.get("type"), "status": "completed"}
    match given.get("type"):
        case "message":
            role, content = _message(given)
            return ConversationItem({**head, "role": role, "content": content})
        case "function_call":
            call = {key: _text(given, key) for key in ("name", "arguments")}
            return ConversationItem({**head, **call, "call_id": given.get("call_id") or new_name("call")})
        case "function_call_output":
            return ConversationItem({**head, "call_id": _text(given, "call_id"), "output": _text(given, "output")})
        case None:
            raise RealtimeError("missing_required_parameter", "Missing required parameter: 'item.type'.", "item.type")
        case _:
            known = "message, function_call, function_call_output"
            raise RealtimeError("invalid_value", f"The type of an item is one of {known}.", "item.type")


def text_of(item: ConversationItem) -> str:
    """Return the words of a message."""
    parts = item.shown["content"]
    return "\n".join(str(part.get("text") or part.get("transcript") or "") for part in parts).strip()


def _message(given: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    role, parts = given.get("role"), given.get("content")
    if role not in ("user", "assistant", "system"):
        raise RealtimeError("invalid_value", "The role of a message is user, assistant or system.", "item.role")
    if not isinstance(parts, list) or not parts or len(parts) > 100:
        raise RealtimeError("invalid_value", "The content of a message is a list of 1 to 100 parts.", "item.content")
    content = [_part(part, role, place) for place, part in enumerate(parts)]
    if sum(len(part.get("text") or part.get("transcript") or "") for part in content) > TEXT_LIMIT:
        raise RealtimeError("invalid_value", f"A message has at most {TEXT_LIMIT} characters.", "item.content")
    return role, content


def _part(part: Any, role: str, place: int) -> dict[str, Any]:
    where = f"item.content[{place}]"
    kind = part.get("type") if isinstance(part, dict) else None
    said = ("text", "output_text") if role == "assistant" else ("input_text", "text")
    if kind in said:
        words = part.get("text")
        if not isinstance(words, str):
            raise RealtimeError("missing_required_parameter", f"Missing required parameter: '{where}.text'.", where)
        return {"type": "output_text" if role == "assistant" else "input_text", "text": words}
    if kind in ("input_audio", "audio", "output_audio") and isinstance(part.get("transcript"), str):
        spoken = "output_audio" if role == "assistant" else "input_audio"
        return {"type": spoken, "transcript": part["transcript"]}
    if kind in ("input_image", "input_audio", "audio", "output_audio", "image_url"):
        reason = "Pictures cannot be seen here, and audio without its transcript comes by input_audio_buffer.append."
        raise RealtimeError("unsupported_content_type", reason, f"{where}.type")
    raise RealtimeError("invalid_value", f"The type of a part of a {role} message is {said[0]}.", f"{where}.type")


def _text(given: dict[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or (key != "output" and not value):
        raise RealtimeError("missing_required_parameter", f"Missing required parameter: 'item.{key}'.", f"item.{key}")
    return value
