"""The Realtime interface on one line: client events become commands, and a call's events server events."""

import base64
import binascii
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any
from uuid import uuid4

from api.doors.line import (
    Chat,
    Commit,
    DictationOnly,
    DropAudio,
    Formats,
    Hear,
    Heard,
    HeardUntil,
    Known,
    LineEvent,
    LineOpened,
    Message,
    Opening,
    Pace,
    Packet,
    Respond,
    Stop,
    TakeSettings,
    Wire,
)
from api.doors.openai.realtime.answers import SessionResponses
from api.doors.openai.realtime.beta import from_beta, in_beta
from api.doors.openai.realtime.editing import Editing
from api.doors.openai.realtime.errors import RealtimeError
from api.doors.openai.realtime.hearing import SpokenTurns
from api.doors.openai.realtime.items import Items
from api.doors.openai.realtime.session import LONGEST_S, RealtimeSession
from models.records.core import Grant
from pipeline.call.session import Engines, SessionSettings
from pipeline.call.settings import TimeLimit
from pipeline.conversation.conversation import Conversation
from pipeline.conversation.events import (
    CallEnded,
    NothingSaid,
    Problem,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    ToolsCalled,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from voice.audio.formats import AudioFormat

log = logging.getLogger(__name__)

EVENT_LIMIT = 1024 * 1024
"""Bytes of a client event that is carried out; a larger one is answered with an error."""

LEAD_MS = 2_000
"""How far ahead of playback the persona's audio is sent: at most this much is discarded when somebody breaks in."""

SHORTEST_COMMIT_MS = 100

_TYPES = (
    "session.update input_audio_buffer.append input_audio_buffer.commit input_audio_buffer.clear"
    " conversation.item.create conversation.item.retrieve conversation.item.delete conversation.item.truncate"
    " response.create response.cancel"
).split()


class RealtimeDialect:
    """One session of the Realtime interface.

    Args:
        grant: of the client, who is known already.
        chat: where the conversation is, or is begun.
        session: its configuration.
        beta: the client speaks the beta dialect.
        engines: give the answers beside the conversation.
        conversation: returns the conversation of the call on a chat.
        persona_id: who answers; None for the chat's first.
        opened: called when the call is open.
    """

    opens_with = "nothing"

    def __init__(
        self,
        grant: Grant,
        chat: Chat,
        session: RealtimeSession,
        *,
        beta: bool,
        engines: Engines,
        conversation: Callable[[str], Conversation],
        persona_id: str | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._grant = grant
        self._chat = chat
        self._persona_id = persona_id
        self._beta = beta
        self._opened = opened
        self.session = session
        self._items = Items()
        self._hearing = SpokenTurns(self._items)
        self._editing = Editing(self._items)
        self._chat_id = ""
        self._answers = SessionResponses(
            session,
            self._items,
            engines,
            lambda: conversation(self._chat_id),
            instructions=lambda: self._editing.instructions,
            encode=self.messages,
            appended_ms=lambda: round(self._appended_ms),
            user_speaks=lambda: self._hearing.open,
        )
        self._base: SessionSettings | None = None
        self._appended_ms = self._since_commit_ms = 0.0

    # --------------------------------------------------------------- opening

    async def opening(self, _: Wire) -> Opening:
        """Open at once: what a client has to say about it came with the handshake."""
        self._take_turns()
        return Opening(
            Known(self._grant.user, self._grant),
            self._chat,
            input=self.session.input,
            output=self.session.output,
            persona_id=self._persona_id,
            settings=self._settings,
            pace=Pace(lead_ms=LEAD_MS),
            stays=False,
        )

    def _settings(self, made: SessionSettings) -> SessionSettings:
        self._base = bounded(made, kept=not isinstance(self._chat, DictationOnly))
        return self.settings

    @property
    def settings(self) -> SessionSettings:
        """The call's settings, as the session has them now."""
        assert self._base is not None
        return self.session.settings(self._base, self._editing.instructions)

    @property
    def formats(self) -> Formats:
        """The formats of the audio in events."""
        return Formats(self.session.input, self.session.output)

    # --------------------------------------------------------- client events

    def heard(self, message: Message) -> Heard | Sequence[Heard] | None:
        """Read one client event; an error is answered, and the session goes on."""
        event_id = None
        try:
            read = _read(message)
            event_id = read.get("event_id")
            if self._beta or read.get("type") == "transcription_session.update":
                read = from_beta(read)
            return self.carry_out(read)
        except RealtimeError as error:
            return Respond(self.messages([_error(error, event_id)]))

    def carry_out(self, read: dict[str, Any]) -> Heard | Sequence[Heard] | None:
        """Carry out a client event, in the GA dialect.

        Raises:
            RealtimeError: it cannot be.
        """
        match read.get("type"):
            case "input_audio_buffer.append":
                return self._append(read)
            case "input_audio_buffer.commit":
                return self._commit()
            case "input_audio_buffer.clear":
                self._since_commit_ms = 0.0
                self._hearing.dropped()
                return [DropAudio(), self._respond({"type": "input_audio_buffer.cleared"})]
            case "session.update":
                return self._update(read)
            case "conversation.item.create":
                commands, told = self._editing.create(read)
                if self._editing.changed:
                    commands = [*commands, TakeSettings(self.settings)]
                return [*commands, self._respond(*told)]
            case "conversation.item.delete":
                commands, told = self._editing.delete(read)
                if self._editing.changed:
                    commands = [*commands, TakeSettings(self.settings)]
                return [*commands, self._respond(*told)]
            case "conversation.item.retrieve":
                shown = dict(self._items.find(read.get("item_id"), "retrieve").shown)
                return self._respond({"type": "conversation.item.retrieved", "item": shown})
            case "conversation.item.truncate":
                return self._truncate(read)
            case "response.create":
                return self._answers.create(read)
            case "response.cancel":
                return self._answers.cancel(read)
            case None:
                raise RealtimeError("missing_required_parameter", "Missing required parameter: 'type'.", "type")
            case other:
                known = ", ".join(_TYPES)
                raise RealtimeError("invalid_event", f"There is no event {str(other)[:60]!r}; use {known}.", "type")

    def _append(self, read: dict[str, Any]) -> Heard:
        audio = read.get("audio")
        if not isinstance(audio, str):
            raise RealtimeError("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError):
            raise RealtimeError(
                "invalid_value", "The audio is not base64; use the standard alphabet.", "audio"
            ) from None
        return self.hear(data, self.session.input)

    def hear(self, data: bytes, wire: AudioFormat) -> Hear:
        """Count audio of the client."""
        milliseconds = len(data) * 1000 / (wire.rate_hz * wire.channels * (2 if wire.encoding == "pcm16" else 1))
        self._appended_ms += milliseconds
        self._since_commit_ms += milliseconds
        return Hear(data)

    def _commit(self) -> Sequence[Heard]:
        if self._since_commit_ms < SHORTEST_COMMIT_MS:
            has = f"Expected at least {SHORTEST_COMMIT_MS}ms of audio, but it has {self._since_commit_ms:.0f}ms."
            sentence = f"Error committing input audio buffer: buffer too small. {has}"
            raise RealtimeError("input_audio_buffer_commit_empty", sentence)
        self._since_commit_ms = 0.0
        told = self._hearing.commit() if self.session.manual else ()
        return [self._respond(*told), Commit()]

    def _update(self, read: dict[str, Any]) -> Sequence[Heard]:
        before = self.formats
        begun = self._appended_ms > 0 or self._items.last is not None
        self.session.merge(read.get("session"), begun=begun, sounded=self._answers.sounded)
        self._take_turns()
        commands: list[Heard] = [TakeSettings(self.settings)]
        if before != self.formats:
            commands.append(self.formats)
        return [*commands, self._respond({"type": "session.updated", "session": self.session.echo()})]

    def _take_turns(self) -> None:
        self._hearing.manual, self._hearing.live = self.session.manual, self.session.transcribes

    def _truncate(self, read: dict[str, Any]) -> Sequence[Heard]:
        item, end_ms = self._editing.truncation(read)
        told = {
            "type": "conversation.item.truncated",
            "item_id": item.id,
            "content_index": read.get("content_index") or 0,
            "audio_end_ms": end_ms,
        }
        commands: list[Heard] = []
        if item.message_id:
            commands.append(HeardUntil(item.message_id, item.from_ms + end_ms))
            if self._answers.is_saying(item):
                self._answers.stopping()
                commands.append(Stop())
        return [*commands, self._respond(told)]

    # --------------------------------------------------------- server events

    def render(self, event: LineEvent) -> Iterable[Message]:
        """Render a call's event as server events."""
        return self.messages(self._told(event))

    def audio(self, packet: Packet) -> Iterable[Message]:
        """Render a packet of the persona's audio."""
        return self.messages(self._answers.sound(packet))

    def _told(self, event: LineEvent) -> Iterable[dict[str, Any]]:
        hearing, answers = self._hearing, self._answers
        match event:
            case LineOpened():
                self._chat_id = event.chat_id
                self._opened()
                return self._greeting()
            case UserStarted(turn, at_ms):
                interruptible = answers.speaking and self.settings.rules.barge_in
                answers.spoken_to()
                return chain(
                    hearing.started(turn, at_ms, over_reply=interruptible), answers.bind(told=not interruptible)
                )
            case UserPartial(turn, text):
                return hearing.heard_partly(turn, text)
            case UserEnded(turn, at_ms):
                return hearing.ended(turn, at_ms)
            case UserMessage(turn, message_id, text):
                if self._editing.is_typed(message_id):
                    return ()
                answers.awaits()
                return hearing.transcribed(turn, message_id, text)
            case ReplyCleared(_, _, heard):
                start = () if answers.is_stopping else hearing.tell_start()
                return chain(start, answers.bind(told=True), answers.cleared(heard), hearing.tell_end())
            case ReplyBegan() | ReplyText() | ReplyEnded() | ToolsCalled() | NothingSaid():
                return answers.told(event)
            case Problem(code, message, fatal):
                return self._problem(code, message, fatal=fatal)
            case CallEnded(reason="duration"):
                sentence = "The session has lasted as long as one may; connect again."
                return [_error(RealtimeError("session_expired", sentence), None)]
            case _:
                return ()

    def _greeting(self) -> Iterator[dict[str, Any]]:
        yield {"type": "session.created", "session": self.session.echo()}
        if self._beta and not self.session.transcribes:
            conversation = {"id": self._answers.conversation_id, "object": "realtime.conversation"}
            yield {"type": "conversation.created", "conversation": conversation}

    def _problem(self, code: str, message: str, *, fatal: bool) -> Iterable[dict[str, Any]]:
        """Tell a problem that a client can do something about: many take every error for the end."""
        if code == "no_words":
            return self._hearing.without_words()
        if fatal or code in ("invalid_audio", "busy", "not_found", "conflict"):
            kind = "server_error" if code in ("internal", "storage_failed", "closing") else "invalid_request_error"
            return [_error(RealtimeError(code, message), None, kind)]
        log.info("Not told to a Realtime client: %s", message)
        return ()

    def messages(self, events: Iterable[dict[str, Any]]) -> tuple[Message, ...]:
        """Encode server events, each with an id of its own."""
        told = []
        for event in events:
            shown = in_beta(event) if self._beta else event
            if shown is not None:
                told.append(json.dumps({"event_id": f"event_{uuid4().hex[:20]}", **shown}, ensure_ascii=False))
        return tuple(told)

    def _respond(self, *events: dict[str, Any]) -> Respond:
        return Respond(self.messages(events))


def _read(message: Message) -> dict[str, Any]:
    if isinstance(message, bytes):
        raise RealtimeError("invalid_event", "Send events as text: audio comes as base64 in input_audio_buffer.append.")
    if len(message) > EVENT_LIMIT or (not message.isascii() and len(message.encode("utf-8", "replace")) > EVENT_LIMIT):
        raise RealtimeError("invalid_event", f"An event has at most {EVENT_LIMIT} bytes; send audio in shorter parts.")
    try:
        read = json.loads(message, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise RealtimeError("invalid_event", "The event is not JSON; send a JSON object with a `type`.") from None
    if not isinstance(read, dict):
        raise RealtimeError("invalid_event", "The event is not a JSON object; send one with a `type`.")
    return read


def _not_json(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _error(error: RealtimeError, event_id: Any, kind: str = "invalid_request_error") -> dict[str, Any]:
    caused_by = event_id if isinstance(event_id, str) else None
    about = {"code": error.code, "message": str(error), "param": error.param, "event_id": caused_by}
    return {"type": "error", "error": {"type": kind, **about}}


def bounded(made: SessionSettings, *, kept: bool) -> SessionSettings:
    """Return the operator's settings as a session has them: it lasts an hour at most, and may be silent all the time.

    Args:
        kept: what is said is kept, and so may its recording be.
    """
    limit = made.time_limit
    if limit is None or limit.longest_s > LONGEST_S:
        limit = TimeLimit(LONGEST_S)
    recording = made.recording if kept else None
    return replace(made, time_limit=limit, idle_s=float(LONGEST_S), recording=recording)
