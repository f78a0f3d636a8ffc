"""The timeline of a call: a deterministic log of who did what, and when."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    Restarting,
    SessionEvent,
    TransferAsked,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from pipeline.tasks.clock import Clock
from pipeline.turn import actions
from pipeline.turn.events import Event, Transcribed

Who = Literal["learner", "turn", "engine", "service", "ear"]
Value = str | int | bool

EVENTS: Mapping[str, tuple[str, ...]] = {
    "learner.says": ("name", "ms"),
    "learner.noise": ("name", "ms"),
    "learner.types": ("text",),
    "learner.presses": ("digits",),
    "learner.does": ("what",),
    "turn.transcribe": ("revision",),
    "turn.transcribed": ("revision", "text", "failed"),
    "turn.prepare": ("revision", "turn", "text"),
    "turn.say": ("revision", "turn", "text"),
    "turn.apologise": ("revision", "turn"),
    "turn.suspend": ("revision",),
    "turn.release": ("revision", "turn"),
    "turn.duck": (),
    "turn.restore": (),
    "turn.hold": (),
    "turn.go_on": (),
    "turn.cut": ("revision",),
    "turn.no_words": ("turn",),
    "turn.linger": (),
    "llm.asked": ("text",),
    "llm.done": ("text",),
    "llm.failed": (),
    "llm.cancelled": (),
    "tool.called": ("name", "arguments"),
    "tool.answered": ("name", "text"),
    "tts.asked": ("text",),
    "tts.done": ("ms",),
    "tts.cancelled": (),
    "user.started": ("turn", "at_ms"),
    "user.partial": ("turn", "text"),
    "user.ended": ("turn", "at_ms", "silence_ms", "reason"),
    "user.message": ("turn", "text"),
    "reply.started": ("turn",),
    "reply.text": ("turn", "text"),
    "reply.audio": ("turn", "from_ms", "to_ms", "text"),
    "reply.cleared": ("turn", "heard_ms", "heard"),
    "reply.ended": ("turn", "text", "heard", "interrupted"),
    "turn.latency": ("turn", "endpoint_ms", "stt_ms", "llm_ms", "tts_ms", "voice_to_voice_ms"),
    "error": ("code", "fatal"),
    "transfer": ("turn", "target"),
    "restarting": (),
    "recording.started": (),
    "chat_silence": ("turns", "duration_ms", "reason"),
    "ear.heard": ("turn", "from_ms", "to_ms"),
}
"""The events of a timeline with their fields. Those sent to clients have the names and fields of the wire."""

FLAGS = frozenset({"failed", "interrupted", "fatal", "completed"})
TEXTS = frozenset({"name", "text", "digits", "what", "reason", "heard", "code", "arguments", "target"})
"""Boolean fields and text fields; all others are integers."""

_USUAL: Mapping[str, Value] = {"reason": "caller"}
"""Default values, which a line omits."""

STRETCH_GAP_S = 0.25
"""Audio sent after a longer gap than this is logged as a new stretch."""


@dataclass(slots=True)
class Entry:
    """An entry of a timeline.

    Attributes:
        at: seconds since the start of the call.
        until: its end, if it has a duration.
    """

    at: float
    who: Who
    what: str
    fields: dict[str, Value] = field(default_factory=dict)
    until: float | None = None

    @property
    def at_ms(self) -> int:
        """Its time in whole milliseconds."""
        return round(self.at * 1000)

    def __str__(self) -> str:
        details = " ".join(
            f"{name}={_written(value)}" for name, value in self.fields.items() if value not in ("", _USUAL.get(name))
        )
        return f"{self.at_ms / 1000:07.3f} {self.who:<7} {self.what} {details}".rstrip()


def _written(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


class Timeline:
    """Logs events with the time since the start of the call.

    Args:
        clock: the call's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._entries: list[Entry] = []
        self._audio: Entry | None = None
        self._audio_at = 0.0
        self._heard: Entry | None = None

    @property
    def now(self) -> float:
        """Return the seconds since the start of the call."""
        return self._clock.now() - self._began

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    @property
    def last_at(self) -> float:
        """Time of the last entry."""
        last = self._entries[-1] if self._entries else None
        return 0.0 if last is None else max(last.at, last.until or 0.0)

    def since(self, index: int) -> list[Entry]:
        """Return the entries from this index on, in order of arrival."""
        return self._entries[index:]

    def lines(self) -> list[str]:
        """Format the timeline as text, line by line."""
        return [str(entry) for entry in self._entries]

    def add(self, who: Who, what: str, /, **fields: Value) -> Entry:
        """Log an event."""
        assert tuple(fields) == EVENTS[what], what
        entry = Entry(self.now, who, what, fields)
        self._entries.append(entry)
        return entry

    def heard(self, turn: int, from_ms: int, to_ms: int) -> None:
        """Log what the learner has heard, merged with an adjacent entry."""
        last = self._heard
        goes_on = (
            last is not None
            and (last.fields["turn"], last.fields["to_ms"]) == (turn, from_ms)
            and self.now - (last.until or 0.0) < STRETCH_GAP_S / 2
        )
        if goes_on and last is not None:
            last.fields["to_ms"], last.until = to_ms, self.now
            return
        self._heard = self.add("ear", "ear.heard", turn=turn, from_ms=from_ms, to_ms=to_ms)
        self._heard.until = self.now

    def recorded(self) -> None:
        """Log the beginning of the recording."""
        self.add("service", "recording.started")

    # ------------------------------------------------------ events of the session

    def on_step(self, event: Event, to_do: list[actions.Action]) -> None:
        """Log a step of the turn machine."""
        if isinstance(event, Transcribed):
            self.add("turn", "turn.transcribed", revision=event.revision, text=event.text, failed=event.failed)
        for action in to_do:
            match action:
                case actions.Transcribe(revision):
                    self.add("turn", "turn.transcribe", revision=revision)
                case actions.Prepare(revision, turn, text):
                    self.add("turn", "turn.prepare", revision=revision, turn=turn, text=text)
                case actions.Apologise(revision, turn):
                    self.add("turn", "turn.apologise", revision=revision, turn=turn)
                case actions.SayPrompt(revision, turn, line):
                    self.add("turn", "turn.say", revision=revision, turn=turn, text=line.text)
                case actions.Linger():
                    self.add("turn", "turn.linger")
                case actions.Suspend(revision):
                    self.add("turn", "turn.suspend", revision=revision)
                case actions.Release(revision, turn):
                    self.add("turn", "turn.release", revision=revision, turn=turn)
                case actions.Duck():
                    self.add("turn", "turn.duck")
                case actions.Restore():
                    self.add("turn", "turn.restore")
                case actions.Hold():
                    self.add("turn", "turn.hold")
                case actions.GoOn():
                    self.add("turn", "turn.go_on")
                case actions.CutReply(revision):
                    self.add("turn", "turn.cut", revision=revision)
                case actions.NoWords(turn):
                    self.add("turn", "turn.no_words", turn=turn)
                case _:
                    pass  # logged as a session event

    def on_event(self, event: SessionEvent) -> None:
        """Log an event of the session."""
        match event:
            case UserStarted(turn, at_ms):
                self.add("service", "user.started", turn=turn, at_ms=at_ms)
            case UserPartial(turn, text):
                self.add("service", "user.partial", turn=turn, text=text)
            case UserEnded(turn, at_ms, silence_ms, reason):
                self.add("service", "user.ended", turn=turn, at_ms=at_ms, silence_ms=silence_ms, reason=reason)
            case UserMessage(turn, _, text):
                self.add("service", "user.message", turn=turn, text=text)
            case ReplyBegan(turn):
                self.add("service", "reply.started", turn=turn)
            case ReplyText(turn, delta):
                self._text(turn, delta)
            case ReplyAudio():
                self._sound(event)
            case ReplyCleared(turn, heard_ms, heard):
                self.add("service", "reply.cleared", turn=turn, heard_ms=heard_ms, heard=heard)
            case ReplyEnded(turn, _, text, heard, interrupted):
                self.add("service", "reply.ended", turn=turn, text=text, heard=heard, interrupted=interrupted)
            case TurnLatency():
                stages = {name: getattr(event, name) for name in EVENTS["turn.latency"]}
                self.add("service", "turn.latency", **stages)
            case Problem(code, _, fatal):
                self.add("service", "error", code=code, fatal=fatal)
            case TransferAsked(turn, target):
                self.add("service", "transfer", turn=turn, target=target)
            case Restarting():
                self.add("service", "restarting")
            case CallEnded(_, _, duration_ms, turns, reason):
                self.add("service", "chat_silence", turns=turns, duration_ms=duration_ms, reason=reason)

    def _text(self, turn: int, delta: str) -> None:
        last = self._entries[-1] if self._entries else None
        if last is not None and last.what == "reply.text" and last.fields["turn"] == turn:
            last.fields["text"] = f"{last.fields['text']}{delta}"
        else:
            self.add("service", "reply.text", turn=turn, text=delta)

    def _sound(self, event: ReplyAudio) -> None:
        end_ms = event.at_ms + event.duration_ms
        last = self._audio
        goes_on = (
            last is not None
            and last.fields["turn"] == event.turn
            and abs(int(last.fields["to_ms"]) - event.at_ms) <= 1
            and self.now - self._audio_at < STRETCH_GAP_S
        )
        if not goes_on or last is None:
            last = self.add("service", "reply.audio", turn=event.turn, from_ms=event.at_ms, to_ms=end_ms, text="")
        last.fields["to_ms"] = end_ms
        last.fields["text"] = f"{last.fields['text']}{event.text}"
        last.until = self.now + event.duration_ms / 1000
        self._audio, self._audio_at = last, self.now
