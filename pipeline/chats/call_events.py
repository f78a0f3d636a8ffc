"""Publishes a call's events to its chat's channel, and stores when each of its messages was said."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, assert_never

from models.errors import NotFound
from models.store import MessageChanges, Store
from pipeline.call.call import Call
from pipeline.call.follower import CallFollower
from pipeline.call.registry import Calls
from pipeline.chats.events import ChatChannel, RunName
from pipeline.chats.hub import Hub
from pipeline.conversation.events import (
    CallEnded,
    NothingSaid,
    Problem,
    ReplyAudio,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    ReplyStalled,
    ReplyText,
    Restarting,
    SessionEvent,
    ToolsCalled,
    TransferAsked,
    TurnLatency,
    UserEnded,
    UserMessage,
    UserPartial,
    UserStarted,
)
from pipeline.tasks.clock import Clock
from voice.audio.formats import AudioFormat, Int16Mono
from voice.audio.outlet import AudioOutlet


class CallPublisher(CallFollower):
    """Publishes the events of every call.

    Args:
        calls: the registry whose calls are followed.
        store: takes the timings.
        hub: takes the events.
        clock: the calls' clock.
    """

    def __init__(self, calls: Calls, store: Store, hub: Hub, clock: Clock) -> None:
        super().__init__(calls, "A message's timing could not be noted", clock)
        self._store = store
        self._hub = hub
        self._clock = clock

    def follow(self, call: Call) -> None:
        """Publish the call's events to its chat's channel."""
        call.session.subscribe(_Follower(call, self._store, self._hub, self._clock, self.put).hear)


RESTARTS = "The service restarts: open the session again in a moment; the call goes on."

CHANNEL_AUDIO = AudioFormat("pcm16", 24_000, 1)
"""The audio format of channels, whatever the call's own."""


class _Follower:
    """The follower of one call: publishes its events and stores its timings."""

    def __init__(
        self,
        call: Call,
        store: Store,
        hub: Hub,
        clock: Clock,
        put: Callable[[Callable[[], Awaitable[None]]], None],
    ) -> None:
        session = call.session
        self._call = call
        self._session = session
        self._store = store
        self._clock = clock
        self._put = put
        self._channel = ChatChannel(hub, session.conversation.chat_id, call.user_id)
        self._run = RunName(session.conversation_id, session.group_id)
        self._began_at = clock.now()
        self._text = ""
        self._message_id = ""
        self._persona_id: str | None = None
        self._spoken: dict[int, tuple[int, int]] = {}
        self._reply_from = 0
        self._cleared_at = 0
        self._latency: TurnLatency | None = None
        self._outlet: AudioOutlet | None = None
        self._sounded_bytes = 0

    def _sound(self, audio: Int16Mono) -> None:
        """Encode audio for the channel's subscribers, if any; later ones hear it from then on."""
        if not self._channel.is_heard:
            self._outlet = None
            return
        if self._outlet is None:
            self._outlet = AudioOutlet(CHANNEL_AUDIO, self._session.settings.output_rate_hz)
        self._publish_audio(self._outlet.packets(audio))

    def _publish_audio(self, packets: list[bytes]) -> None:
        for data in packets:
            self._sounded_bytes += len(data)
            self._channel.reply_sounded(self._run, data)

    def hear(self, event: SessionEvent) -> None:
        """Publish an event of the session."""
        channel, run = self._channel, self._run
        match event:
            case UserStarted(turn, at_ms):
                start = self._call_ms(at_ms)
                self._spoken[turn] = (self._spoken.get(turn, (start, start))[0], start)
                channel.publish("attempt_user_start", {"item_id": self._item(turn), "message_id": None})
                channel.publish_to_owner(
                    "attempt.chat.user_start", {"item_id": self._item(turn)}, operation="chat_voice"
                )
            case UserPartial(turn, text):
                payload = {"item_id": self._item(turn), "transcript": text}
                channel.publish("attempt_user_delta", payload)
                channel.publish_to_owner("attempt.chat.user_delta", payload, operation="chat_voice")
            case UserEnded(turn, at_ms):
                start = self._spoken.get(turn, (self._call_ms(at_ms), 0))[0]
                self._spoken[turn] = (start, max(start, self._call_ms(at_ms)))
            case UserMessage(turn, message_id, text):
                # A message typed into a call was never spoken.
                item = self._item(turn) if turn in self._spoken else None
                channel.user_said(message_id, text, self._store.now().isoformat(), item)
                if turn in self._spoken:
                    self._note(message_id, *self._spoken[turn])
            case ReplyBegan(_, message_id, persona_id):
                self._text, self._message_id, self._persona_id = "", message_id, persona_id or None
                self._reply_from = self._now_ms()
                self._sounded_bytes = 0
                channel.reply_began(run, message_id, self._persona_id, self._store.now().isoformat())
            case ReplyText(_, delta):
                self._text += delta
                channel.reply_grew(run, self._message_id, delta, self._text, self._persona_id)
            case ReplyAudio(audio=audio):
                self._sound(audio)
            case ReplyCleared():
                self._cleared_at = self._now_ms()
                self._outlet = None
                channel.reply_stopped(run)
            case ReplyEnded(turn, message_id, text, heard, interrupted, truncated):
                if self._outlet is not None:
                    self._publish_audio(self._outlet.flush())
                ended_ms = self._cleared_at if interrupted else self._now_ms()
                latency, self._latency = self._latency, None
                stages = latency.stages if latency is not None and latency.turn == turn else None
                self._note(message_id, self._reply_from, ended_ms, latency=stages)
                if self._sounded_bytes:
                    channel.reply_silent(run, self._sounded_bytes * 1000 // (2 * CHANNEL_AUDIO.rate_hz))
                said = heard if interrupted else text
                at = self._store.now().isoformat()
                channel.reply_ended(run, message_id, said, self._persona_id, at, truncated=truncated)
            case TurnLatency():
                self._latency = event
            case TransferAsked() | ToolsCalled() | NothingSaid() | ReplyStalled() | Restarting():
                pass
            case Problem(_, message):
                # A line that attends the call notifies its client; an unattended call has only its owner.
                if not self._call.attended:
                    channel.publish_to_owner("attempt_error", {"type": "audio", "message": message})
            case CallEnded():
                goes_on = self._session.restart_after_ms is not None
                channel.publish("attempt_audio_ended", {"success": True} | ({"message": RESTARTS} if goes_on else {}))
                ended: dict[str, Any] = {"group_id": run.group_id, "success": True, "message": ""}
                channel.publish_to_owner("attempt.chat.voice_ended", ended, operation="chat_silence")
            case _ as never:
                assert_never(never)

    def _note(
        self, message_id: str, started_ms: int, ended_ms: int, *, latency: Mapping[str, int] | None = None
    ) -> None:
        changes: MessageChanges = {"started_ms": started_ms, "ended_ms": max(started_ms, ended_ms)}
        if latency is not None:
            changes["latency"] = latency

        async def note() -> None:
            with suppress(NotFound):  # a call on an external chat, which is stored elsewhere
                await self._store.update_message(message_id, **changes)

        self._put(note)

    def _item(self, turn: int) -> str:
        return f"{self._session.conversation_id}-{turn}"

    def _now_ms(self) -> int:
        return max(self._session.position_ms, round((self._clock.now() - self._began_at) * 1000))

    def _call_ms(self, audio_ms: int) -> int:
        """Convert audio time to call time: audio time stands still while the client is muted."""
        return max(0, self._now_ms() - (self._session.position_ms - audio_ms))
