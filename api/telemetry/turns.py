"""A turn as a trace: its stages with their beginnings and ends, and the discarded work.

A `TurnFollower` hears the events of a call and sees the steps of its turn machine; it changes neither.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.telemetry import names
from pipeline.conversation.events import (
    CallEnded,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    SessionEvent,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserStarted,
)
from pipeline.tasks.clock import Clock
from pipeline.turn import actions, events

Value = str | int | float | bool


@dataclass(slots=True)
class TurnStage:
    """One stage of a turn.

    Attributes:
        name: listen, endpoint, transcribe, invoke_llm, speech or play.
        start, end: seconds on the clock of the call; `end` is None while it lasts.
        discarded: it was eager work, and the speaker went on.
    """

    name: str
    start: float
    end: float | None = None
    discarded: bool = False
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class TurnRecord:
    """A turn, from the first sound or the typed message to the last word heard of its answer.

    Attributes:
        turn: its number in the call.
        start, end: seconds on the clock of the call; `end` is None while it lasts.
        latency: its waterfall; None for a turn that was not answered aloud.
        interrupted: its reply was cut.
        heard_ms: how much of its reply was heard; None for all.
    """

    turn: int
    start: float
    end: float | None = None
    stages: list[TurnStage] = field(default_factory=list)
    latency: TurnLatency | None = None
    interrupted: bool = False
    heard_ms: int | None = None


@dataclass(slots=True)
class _OpenTurn:
    """A turn whose end is to come, and when what of it happened."""

    record: TurnRecord
    work: dict[tuple[str, int], TurnStage] = field(default_factory=dict)
    speech_ended: float | None = None
    released: float | None = None
    first_audio: float | None = None
    last_audio: float = 0.0
    last_text: float = 0.0

    def stages(self, now: float) -> list[TurnStage]:
        """Arrange what was seen as stages; those that did not happen are missing."""
        record, stages = self.record, []
        if self.speech_ended is not None:
            stages.append(TurnStage("listen", record.start, self.speech_ended))
            if self.released is not None and self.released >= self.speech_ended:
                stages.append(TurnStage("endpoint", self.speech_ended, self.released))
        for stage in self.work.values():
            if stage.name == "invoke_llm" and stage.end is None:
                stage.end = max(stage.start, self.last_text or now)
                if record.latency is not None:
                    stage.attributes[names.FIRST_TOKEN_MS] = record.latency.llm_ms
            stage.end = stage.end if stage.end is not None else now
            stages.append(stage)
        if self.first_audio is not None:
            before = record.latency.tts_ms / 1000 if record.latency is not None else 0.0
            stages.append(TurnStage("speech", max(record.start, self.first_audio - before), self.last_audio))
            play = TurnStage("play", self.first_audio, now, attributes={names.INTERRUPTED: record.interrupted})
            if record.heard_ms is not None:
                play.attributes[names.HEARD_MS] = record.heard_ms
            stages.append(play)
        return stages


class TurnFollower:
    """Follows the turns of one call; the next one may begin before the last one is over.

    Args:
        clock: the call's.
        began: takes a turn as it begins.
        ended: takes it once it is whole.
        interruption: takes how speech over a reply was judged: true, false or backchannel.
    """

    def __init__(
        self,
        clock: Clock,
        began: Callable[[TurnRecord], None],
        ended: Callable[[TurnRecord], None],
        interruption: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._began = began
        self._ended = ended
        self._interruption = interruption
        self._open: dict[int, _OpenTurn] = {}
        self._over_reply = False

    def hear(self, event: SessionEvent) -> None:
        """Take an event of the call."""
        now = self._clock.now()
        match event:
            case UserStarted(turn) | UserMessage(turn) | ReplyBegan(turn):
                self._at(turn)
            case CallEnded():
                for turn in list(self._open):
                    self._finish(turn)
            case Problem(code):
                work = [stage for of in self._open.values() for stage in of.work.values()]
                if work:
                    work[-1].attributes[names.ERROR] = code
            case UserEnded() | ReplyText() | ReplyAudio() | TurnLatency() | ReplyCleared() | ReplyEnded():
                if (of := self._open.get(event.turn)) is not None:
                    self._note(of, event, now)
            case _:
                pass

    def see(self, event: events.Event, to_do: list[actions.Action]) -> None:
        """Take a step of the turn machine."""
        if isinstance(event, events.Transcribed):
            for of in self._open.values():
                if (stage := of.work.get(("transcribe", event.revision))) is not None and stage.end is None:
                    stage.end = self._clock.now()
        for action in to_do:
            match action:
                case actions.Transcribe(revision) if self._open:
                    self._begin("transcribe", revision, max(self._open))
                case actions.Prepare(revision, turn) | actions.SayPrompt(revision, turn):
                    self._begin("invoke_llm", revision, turn)
                case actions.Apologise(revision, turn):
                    self._begin("invoke_llm", revision, turn)
                case actions.Suspend(revision):
                    self._discard(revision)
                case actions.Release(_, turn) if turn in self._open:
                    self._open[turn].released = self._clock.now()
                case actions.Duck() | actions.Hold():
                    self._over_reply = True
                case actions.Restore() | actions.GoOn() if self._over_reply:
                    self._over_reply = False
                    words = isinstance(event, events.Transcribed | events.Partial) and bool(event.text)
                    self._interruption("backchannel" if words else "false")
                case actions.CutReply() if self._over_reply:
                    self._over_reply = False
                    self._interruption("true")
                case _:
                    pass

    def _note(
        self,
        of: _OpenTurn,
        event: UserEnded | ReplyText | ReplyAudio | TurnLatency | ReplyCleared | ReplyEnded,
        now: float,
    ) -> None:
        match event:
            case UserEnded():
                of.speech_ended = max(of.record.start, now - event.silence_ms / 1000)
            case ReplyText():
                of.last_text = now
            case ReplyAudio():
                of.last_audio = now
                of.first_audio = now if of.first_audio is None else of.first_audio
            case TurnLatency():  # its measures are finer than what the events tell
                of.record.latency = event
                last_speech = now - event.voice_to_voice_ms / 1000
                of.speech_ended = max(of.record.start, last_speech)
                of.released = max(of.speech_ended, last_speech + event.endpoint_ms / 1000)
            case ReplyCleared():
                of.record.heard_ms = event.heard_ms
            case ReplyEnded():
                of.record.interrupted = event.interrupted
                self._finish(event.turn)

    def _at(self, turn: int) -> _OpenTurn:
        if turn not in self._open:
            record = TurnRecord(turn, self._clock.now())
            self._open[turn] = _OpenTurn(record)
            self._began(record)
        return self._open[turn]

    def _begin(self, name: str, revision: int, turn: int) -> None:
        stage = TurnStage(name, self._clock.now(), attributes={names.REVISION: revision})
        self._at(turn).work[name, revision] = stage

    def _discard(self, revision: int) -> None:
        for of in self._open.values():
            for (_, number), stage in of.work.items():
                if number == revision:
                    stage.discarded = True
                    stage.end = stage.end or self._clock.now()

    def _finish(self, turn: int) -> None:
        """Report a turn that is over, and earlier ones, which will not be answered any more."""
        for number in sorted(number for number in self._open if number <= turn):
            of = self._open.pop(number)
            of.record.end = self._clock.now()
            of.record.stages = of.stages(of.record.end)
            self._ended(of.record)
