"""The persona's side of a Realtime conversation: the response on its way, the one behind it, and their events."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from pydantic import ValidationError

from api.doors.line import Heard, Message, Packet, Produce, RequestReply, Respond, Stop
from api.doors.openai.realtime.aside import Aside
from api.doors.openai.realtime.errors import RealtimeError, explained
from api.doors.openai.realtime.items import ConversationItem, Items, new_name, read_item, text_of
from api.doors.openai.realtime.responses import RealtimeResponse
from api.doors.openai.realtime.session import RealtimeSession, choice_of, described, limit_of, tools_of
from api.doors.openai.realtime.shapes import TAGS, ResponsePart
from pipeline.call.settings import Engines
from pipeline.conversation.conversation import Conversation, ReplyWishes
from pipeline.conversation.events import NothingSaid, ReplyBegan, ReplyEnded, ReplyText, ToolsCalled
from pipeline.conversation.reply import HistoryEntry
from pipeline.conversation.tools import FunctionCall

BOUND_MS = 3_000
"""For so long, in the client's audio, a cancel without an id is taken for that of the response it broke in on."""

Told = Iterable[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Bound:
    """The response that was running when the client was told that somebody speaks."""

    response_id: str
    at_ms: int


class SessionResponses:
    """The responses of one session.

    Args:
        session: its configuration.
        items: its conversation, as the client sees it.
        engines: give the answers beside the conversation.
        conversation: returns the call's conversation.
        instructions: returns the client's system messages.
        encode: makes messages of events.
        appended_ms: returns how much audio the client has appended.
        user_speaks: returns whether an utterance is under way.

    Attributes:
        conversation_id: as clients see it.
        sounded: the persona's audio was heard.
    """

    def __init__(
        self,
        session: RealtimeSession,
        items: Items,
        engines: Engines,
        conversation: Callable[[], Conversation],
        *,
        instructions: Callable[[], str],
        encode: Callable[[Told], Sequence[Message]],
        appended_ms: Callable[[], int],
        user_speaks: Callable[[], bool],
    ) -> None:
        self._session = session
        self._items = items
        self._engines = engines
        self._conversation = conversation
        self._instructions = instructions
        self._encode = encode
        self._appended_ms = appended_ms
        self._user_speaks = user_speaks
        self.conversation_id = new_name("conv")
        self.sounded = False
        self._active: RealtimeResponse | None = None
        self._queued: tuple[RealtimeResponse, ReplyWishes] | None = None
        self._awaited = False
        self._held = ""
        self._stopping = False
        self._bound: _Bound | None = None
        self._asides: dict[str, Aside] = {}

    @property
    def speaking(self) -> bool:
        """Whether a response is being said."""
        return self._active is not None and self._active.item is not None

    @property
    def is_stopping(self) -> bool:
        """Whether the client has just stopped the response."""
        return self._stopping

    def is_saying(self, item: ConversationItem) -> bool:
        """Return whether this message is being said."""
        return self._active is not None and self._active.item is item

    def stopping(self) -> None:
        """Note that the client stops the response that is being said."""
        self._stopping = self.speaking

    def awaits(self) -> None:
        """Note that a turn of the client's is over, and is answered unasked."""
        self._awaited = self._session.answers

    def spoken_to(self) -> None:
        """Note that the client speaks: what was to be answered goes on."""
        self._awaited = False

    def bind(self, *, told: bool) -> Told:
        """Remember which response is broken in on, when the client gets to know that somebody speaks."""
        if told and self._active is not None and self.speaking and not self._stopping:
            self._bound = _Bound(self._active.id, self._appended_ms())
        return ()

    # --------------------------------------------------------- client events

    def create(self, read: dict[str, Any]) -> Heard | Sequence[Heard]:
        """Read a `response.create`.

        Raises:
            RealtimeError: it cannot be carried out, or another response is on its way.
        """
        if self._session.transcribes:
            raise RealtimeError("invalid_event", "A transcription session gives no responses.", "type")
        given = read.get("response")
        try:
            part = ResponsePart.model_validate({} if given is None else given)
        except ValidationError as error:
            raise explained(error, ("response",), tags=TAGS) from None
        config = self._session.config
        modalities = part.output_modalities or config["output_modalities"]
        response = RealtimeResponse(
            self._items,
            modalities == ["text"],
            {key: config["audio"]["output"][key] for key in ("format", "voice")},
            part.max_output_tokens or config["max_output_tokens"],
            part.metadata,
            self.conversation_id if part.conversation == "auto" else None,
        )
        if part.conversation == "none":
            return self._beside(response, part)
        return self._begin(response, self._wishes(part))

    def _begin(self, response: RealtimeResponse, wishes: ReplyWishes) -> Heard | Sequence[Heard]:
        request = RequestReply(anyway=True, wishes=wishes)
        active = self._active
        if active is None and not self._awaited:
            self._active = response
            return [Respond(tuple(self._encode(response.created()))), request]
        waits = active is None or active.item is None or active.called
        if self._queued is None and waits and not self._user_speaks():
            self._queued = (response, wishes)
            return request
        sentence = "Conversation already has an active response in progress"
        name = f": {active.id}" if active is not None else ""
        raise RealtimeError(
            "conversation_already_has_active_response", f"{sentence}{name}. Wait until it is finished, or cancel it."
        )

    def _wishes(self, part: ResponsePart) -> ReplyWishes:
        notes = self._instructions()
        asked = part.instructions and "\n\n".join(text for text in (part.instructions, notes) if text)
        history = None
        if part.input is not None:
            history, told = self._read_input(part.input)
            if told:
                own = asked or "\n\n".join(text for text in (self._session.config["instructions"], notes) if text)
                asked = "\n\n".join(text for text in (own, *told) if text)
        return ReplyWishes(
            asked or None,
            None if part.tools is None else tools_of(described(part.tools)),
            None if part.tool_choice is None else choice_of(_plain(part.tool_choice)),
            None if part.output_modalities is None else part.output_modalities == ["text"],
            None if part.max_output_tokens is None else limit_of(part.max_output_tokens),
            history,
        )

    def cancel(self, read: dict[str, Any]) -> Heard | Sequence[Heard] | None:
        """Read a `response.cancel`; one without an id that has nothing to cancel is dropped.

        Raises:
            RealtimeError: its id is that of no active response.
        """
        wanted, active = read.get("response_id"), self._active
        if wanted is not None and isinstance(wanted, str) and wanted in self._asides:
            self._asides[wanted].cancelled.set()
            return None
        if wanted is not None and (active is None or active.id != wanted):
            raise RealtimeError(
                "response_cancel_not_active", "Cancellation failed: no active response found", "response_id"
            )
        bound, self._bound = self._bound, None
        if active is None:
            return None
        late = bound is not None and self._appended_ms() - bound.at_ms <= BOUND_MS
        if wanted is None and bound is not None and late and bound.response_id != active.id:
            return None  # it was for the one that was broken in on, which is over
        following = self._queued
        again: list[Heard] = [] if following is None else [RequestReply(anyway=True, wishes=following[1])]
        if active.item is not None:
            self._stopping = True
            return [Stop(), *again]
        told = self._finish("cancelled", "client_cancelled")
        return [Respond(tuple(self._encode(told))), Stop(), *again]

    # ---------------------------------------------------------- call's events

    def told(self, event: ReplyBegan | ReplyText | ReplyEnded | ToolsCalled | NothingSaid) -> Told:
        """Render an event of a reply."""
        if self._session.transcribes:
            return ()
        match event:
            case ReplyBegan(message_id=message_id):
                return chain(self._began(message_id))
            case ReplyText(_, delta):
                return self._written(delta)
            case ToolsCalled(_, calls):
                return chain(self._ready(), self._call_tools(calls))
            case NothingSaid():
                self._awaited = False
                waiting = self._active is not None and self._active.item is None
                return self._finish("completed") if waiting else ()
            case ReplyEnded():
                return self._ended(event)

    def sound(self, packet: Packet) -> Told:
        """Render a packet of a reply's audio; one that was held begins anew."""
        if self._session.transcribes:
            return
        yield from self._goes_on(packet.at_ms)
        if self._active is not None and self._active.item is not None:
            self.sounded = True
            yield from self._active.sound(packet)

    def cleared(self, heard: str) -> Told:
        """Render that the reply is broken off, perhaps for a while."""
        stopping, self._stopping = self._stopping, False
        active = self._active
        if active is None or active.item is None:
            return
        self._held = active.message_id
        reason = "client_cancelled" if stopping else "turn_detected"
        yield from self._finish("cancelled", reason, None if active.item.from_ms else heard)

    def _began(self, message_id: str) -> Iterator[dict[str, Any]]:
        if self.speaking:
            yield from self._finish("completed")
        if self._active is None and not self._awaited and (idle_ms := self._session.idle_ms) is not None:
            end_ms = self._appended_ms()
            yield {
                "type": "input_audio_buffer.timeout_triggered",
                "audio_start_ms": max(0, end_ms - idle_ms),
                "audio_end_ms": end_ms,
                "item_id": self._items.last or new_name("item"),
            }
        self._awaited, self._held = False, ""
        yield from self._ready()
        assert self._active is not None
        yield from self._active.begin(message_id)

    def _ready(self) -> Iterator[dict[str, Any]]:
        """Begin a response that nobody asked for, unless there is one."""
        if self._active is None:
            config = self._session.config
            sound = {key: config["audio"]["output"][key] for key in ("format", "voice")}
            written, tokens = self._session.in_writing, config["max_output_tokens"]
            self._active = RealtimeResponse(self._items, written, sound, tokens, None, self.conversation_id)
            yield from self._active.created()

    def _goes_on(self, at_ms: int) -> Iterator[dict[str, Any]]:
        if self._held and not self.speaking:
            message_id, self._held = self._held, ""
            yield from self._ready()
            assert self._active is not None
            yield from self._active.begin(message_id, at_ms)

    def _written(self, delta: str) -> Iterator[dict[str, Any]]:
        if self._active is not None and self._active.in_writing:
            yield from self._goes_on(0)
            yield from self._active.write(delta)

    def _call_tools(self, calls: tuple[FunctionCall, ...]) -> Iterator[dict[str, Any]]:
        assert self._active is not None
        yield from self._active.call_tools(calls)

    def _ended(self, event: ReplyEnded) -> Iterator[dict[str, Any]]:
        active = self._active
        if active is None or active.item is None or active.message_id != event.message_id:
            return
        text = event.heard if event.interrupted else event.text
        whole = text if active.item.from_ms == 0 else None
        if event.interrupted:
            yield from self._finish("cancelled", "turn_detected", whole)
        elif event.truncated:
            yield from self._finish("incomplete", "max_output_tokens", whole)
        else:
            yield from self._finish("completed", None, whole)

    def _finish(self, status: str, reason: str | None = None, text: str | None = None) -> Iterator[dict[str, Any]]:
        active, self._active = self._active, None
        if active is None:
            return
        yield from active.finish(status, reason, text)
        if self._queued is not None:
            (self._active, _), self._queued = self._queued, None
            yield from self._active.created()

    # ------------------------------------------------------------------ beside

    def _beside(self, response: RealtimeResponse, part: ResponsePart) -> Heard:
        conversation, config = self._conversation(), self._session.config
        context = conversation.context()
        tools = tools_of(config["tools"] if part.tools is None else described(part.tools))
        context = replace(
            context,
            tools=tools,
            tool_choice=choice_of(config["tool_choice"] if part.tool_choice is None else _plain(part.tool_choice)),
        )
        if part.instructions:
            own = conversation.persona
            said = f"{own.instructions}\n\n{part.instructions}".strip()
            context = replace(context, persona=replace(own, instructions=said))
        if part.input is not None:
            history, told = self._read_input(part.input)
            said = "\n\n".join(text for text in (context.persona.instructions, *told) if text)
            context = replace(context, persona=replace(context.persona, instructions=said), history=history)
        if part.max_output_tokens is not None:
            context = replace(context, max_tokens=limit_of(part.max_output_tokens))
        aside = Aside(
            response,
            context,
            self._engines,
            conversation.style,
            self._session.output,
            self.conversation_id,
            self._encode,
            lambda: self._forget(response),
        )
        self._asides[response.id] = aside
        return Produce(aside.messages())

    def _forget(self, response: RealtimeResponse) -> None:
        self._asides.pop(response.id, None)

    def _read_input(self, given: list[dict[str, Any]]) -> tuple[tuple[HistoryEntry, ...], list[str]]:
        """Read the `input` of a response: what it is written from, and the words of its system messages.

        Raises:
            RealtimeError: an item is none, or there is none of its id.
        """
        history: list[HistoryEntry] = []
        told: list[str] = []
        for one in given:
            is_reference = one.get("type") == "item_reference"
            item = self._items.find(one.get("id"), "retrieve") if is_reference else read_item(one)
            if item.shown["type"] != "message" or not (words := text_of(item)):
                continue
            if item.shown["role"] == "system":
                told.append(words)
            else:
                history.append(HistoryEntry(item.shown["role"], words))
        if not history and told:  # without a message there is nothing to answer but these
            history, told = [HistoryEntry("user", "\n\n".join(told))], []
        return tuple(history), told


def _plain(choice: Any) -> Any:
    return choice if isinstance(choice, str) else choice.model_dump()
