"""Keeps the timeline of every call: in memory while it goes on, in the store when it is over."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from models.records.past_calls import CallLog
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.follower import CallFollower
from pipeline.call.registry import Calls
from pipeline.conversation.events import (
    CallEnded,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyText,
    SessionEvent,
    TurnLatency,
    UserMessage,
    UserPartial,
)
from pipeline.tasks.clock import Clock
from pipeline.timeline.picture import LANES
from pipeline.timeline.timeline import Entry, Timeline
from pipeline.turn import actions
from pipeline.turn.events import Event

MOST_ENTRIES = 4000
"""Entries of one call, about an hour; of what comes after them only the end is kept."""

MOST_WAITING = 100
"""Calls that are over and wait to be stored; of more, the first are seen again once they are stored."""

LIVE_LANES = LANES[1:]
"""Of a live call it is not known what its caller was about to say."""


class CallTimelines(CallFollower):
    """The timelines of all calls.

    Args:
        calls: the registry whose calls are followed.
        store: keeps the timelines of calls that are over.
        clock: the calls' clock.
        new_id: makes ids.
    """

    def __init__(self, calls: Calls, store: Store, clock: Clock, new_id: Callable[[], str]) -> None:
        super().__init__(calls, "The timeline of a call could not be kept", clock)
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._open: dict[str, _LiveLog] = {}
        self._over: dict[str, CallLog] = {}
        """Those that are not stored yet."""

    def follow(self, call: Call) -> None:
        """Keep the call's timeline."""
        log = _LiveLog(self._new_id(), call, self._store.now(), self._clock)
        self._open[log.id] = log

        def hear(event: SessionEvent) -> None:
            log.hear(event)
            if isinstance(event, CallEnded):
                del self._open[log.id]
                self._keep(log.record(ended=event))

        call.session.subscribe(hear)
        call.session.observe(log.on_step)
        call.session.opening.when_recorded(log.timeline.recorded)

    def _keep(self, over: CallLog) -> None:
        if len(self._over) >= MOST_WAITING:
            del self._over[next(iter(self._over))]
        self._over[over.id] = over

        async def keep() -> None:
            await self._store.keep_past_call(over)
            self._over.pop(over.id, None)

        self.put(keep)

    def open_calls(self) -> list[CallLog]:
        """List the calls that go on, the latest first, without timelines and words."""
        return [log.record(whole=False) for log in reversed(self._open.values())]

    async def past_calls(self, *, before: datetime | None = None, limit: int) -> list[CallLog]:
        """List the calls that began before a time and are over, the latest first."""
        waiting = {log.id: log for log in self._over.values() if before is None or log.began_at < before}
        stored = {log.id: log for log in await self._store.past_calls(before=before, limit=limit)}
        return sorted((waiting | stored).values(), key=lambda log: log.began_at, reverse=True)[:limit]

    async def find(self, call_id: str) -> CallLog:
        """Return a call that goes on, or is over.

        Raises:
            NotFound: there is none of this id.
        """
        return self.going_on(call_id) or self._over.get(call_id) or await self._store.past_call(call_id)

    def going_on(self, call_id: str) -> CallLog | None:
        """Return a call that goes on, or None."""
        return log.record() if (log := self._open.get(call_id)) is not None else None


def entries_of(log: CallLog, from_s: float = 0.0, to_s: float = float("inf")) -> list[Entry]:
    """Return the entries of a kept timeline that lie within a time, in order; times are relative to its beginning."""
    entries = [Entry(**entry) for entry in log.entries]
    within = [entry for entry in entries if entry.at <= to_s and (entry.until or entry.at) >= from_s]
    return [
        Entry(
            max(0.0, entry.at - from_s), entry.who, entry.what, entry.fields,
            None if entry.until is None else max(0.0, entry.until - from_s),
        )
        for entry in sorted(within, key=lambda entry: entry.at)
    ]  # fmt: skip


class _LiveLog:
    """What happened in one call."""

    def __init__(self, ident: str, call: Call, began_at: datetime, clock: Clock) -> None:
        self.id = ident
        self.timeline = Timeline(clock)
        self._call = call
        self._began_at = began_at
        self._lines: dict[str, dict[str, Any]] = {}
        self._latencies: list[int] = []
        self._reply_id = ""
        self._sent_ms: tuple[int, int] = (0, 0)

    def on_step(self, event: Event, to_do: list[actions.Action]) -> None:
        """Log a step of the turn machine."""
        if len(self.timeline) < MOST_ENTRIES:
            self.timeline.on_step(event, to_do)

    def hear(self, event: SessionEvent) -> None:
        """Log an event of the session; what is not final yet is left out."""
        match event:
            case UserPartial() | ReplyText():
                return
            case UserMessage(turn, message_id, text):
                self._line("learner", turn, message_id, text)
            case ReplyBegan(turn, message_id):
                self._reply_id, self._sent_ms = message_id, (turn, 0)
                self._line("persona", turn, message_id, "")
            case ReplyAudio(turn, _, at_ms, duration_ms):
                self._sent_ms = (turn, at_ms + duration_ms)
            case TurnLatency():
                self._latencies.append(event.voice_to_voice_ms)
                self._prepared(event)
            case ReplyCleared(turn, heard_ms):
                self._heard(turn, heard_ms)
            case ReplyEnded(turn, message_id, text, heard, interrupted):
                self._line("persona", turn, message_id, heard if interrupted else text, interrupted=interrupted)
                if not interrupted:
                    self._heard(*self._sent_ms)
            case _:
                pass
        if len(self.timeline) < MOST_ENTRIES or isinstance(event, CallEnded):
            self.timeline.on_event(event)

    def record(self, *, ended: CallEnded | None = None, whole: bool = True) -> CallLog:
        """Return what is known now; without timeline and words unless it is `whole`."""
        session = self._call.session
        return CallLog(
            id=self.id,
            conversation_id=session.conversation_id,
            chat_id=session.conversation.chat_id,
            user_id=self._call.user_id,
            persona=session.conversation.persona.name,
            began_at=self._began_at,
            duration_ms=round(self.timeline.now * 1000),
            turns=session.state.number,
            reason=ended.reason if ended is not None else "",
            recorded=session.opening.recorded,
            latencies=tuple(self._latencies),
            echo=asdict(session.echo.report) if session.echo.report is not None else None,
            entries=tuple(_kept(self.timeline)) if whole else (),
            lines=tuple(dict(line) for line in self._lines.values() if line["text"]) if whole else (),
        )

    def _line(self, who: str, turn: int, message_id: str, text: str, *, interrupted: bool = False) -> None:
        if len(self._lines) < MOST_ENTRIES or message_id in self._lines:
            line = {"who": who, "turn": turn, "message_id": message_id, "text": text, "interrupted": interrupted}
            self._lines[message_id] = line

    def _prepared(self, latency: TurnLatency) -> None:
        """Log when the answer was written and spoken, from its first sound backwards."""
        if len(self.timeline) >= MOST_ENTRIES:
            return
        now = self.timeline.now
        spoken_s, written_s = latency.tts_ms / 1000, latency.llm_ms / 1000
        for what, start, end in (
            ("llm.asked", now - spoken_s - written_s, now - spoken_s),
            ("tts.asked", now - spoken_s, now),
        ):
            entry = self.timeline.add("engine", what, text="")
            entry.at, entry.until = max(0.0, start), max(0.0, end)

    def _heard(self, turn: int, heard_ms: int) -> None:
        if heard_ms and len(self.timeline) < MOST_ENTRIES:
            self.timeline.heard(turn, 0, heard_ms)


def _kept(entries: Iterable[Entry]) -> Iterable[Mapping[str, Any]]:
    for entry in entries:
        yield {
            "at": round(entry.at, 3),
            "who": entry.who,
            "what": entry.what,
            "fields": dict(entry.fields),
            "until": None if entry.until is None else round(entry.until, 3),
        }
