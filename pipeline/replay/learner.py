"""The simulated learner of a replay: speaks, listens and acts by the call file, in steps of 20 ms."""

from collections.abc import Sequence

import numpy as np

from models.errors import NotFound
from pipeline.call.attendance import Attendance
from pipeline.call.call import Call
from pipeline.call.commands import (
    Command,
    Commit,
    Digit,
    HangUp,
    Hear,
    Mute,
    Played,
    RequestReply,
    Say,
    Stop,
    Transferred,
    obey,
)
from pipeline.call.registry import Calls
from pipeline.conversation.events import ReplyAudio, ReplyCleared, SessionEvent
from pipeline.replay.call_file import (
    AfterEvent,
    AfterItem,
    AtTime,
    CallFile,
    Does,
    IntoLine,
    IntoReply,
    Item,
    Presses,
    Sounds,
    Types,
    Waits,
)
from pipeline.replay.loudspeaker import Loudspeaker
from pipeline.replay.microphone import Microphone, length_ms
from pipeline.tasks.clock import Clock
from pipeline.timeline.timeline import Timeline
from pipeline.turn.machine import Phase, ReplyPhase
from voice.audio.formats import FRAME, Int16Mono

FRAME_S = 0.02
ACKNOWLEDGE_EVERY = 5
"""Frames between two `played` messages, about 100 ms."""

GIVE_UP_S = 30.0
"""Timeout of an item whose event never comes, in seconds without any event."""


class Learner:
    """A simulated learner on a call.

    Args:
        call: the call file.
        calls: the registry of the call.
        opened: the open call.
        timeline: the log of the call.
        clock: the loop's clock.

    Attributes:
        left: items whose time never came.
        cut_off: whether the call was still active at its time limit.
    """

    def __init__(self, call: CallFile, calls: Calls, opened: Call, timeline: Timeline, clock: Clock) -> None:
        self.left: Sequence[Item] = call.learner
        self.cut_off = False
        self._call = call
        self._calls = calls
        self._attendance = Attendance(calls, opened)
        self._session = opened.session
        self._chat_id = opened.session.conversation.chat_id
        self._timeline = timeline
        self._clock = clock
        self._microphone = Microphone(call.background)
        self._loudspeaker = Loudspeaker(opened.session.settings.output_rate_hz)
        self._connected = False
        self._sending = True
        self._item_began = 0.0
        self._item_ended = 0.0
        self._seen = 0
        self._acknowledged: dict[int, int] = {}

    def connect(self) -> None:
        """Attend the call: handle the missed events, and all further ones."""
        self._connected = True
        for event in self._attendance.enter(self._hear):
            self._hear(event)

    def _hear(self, event: SessionEvent) -> None:
        match event:
            case ReplyAudio():
                self._loudspeaker.take(event, self._clock.now())
            case ReplyCleared():
                self._loudspeaker.clear(self._clock.now())
            case _:
                pass

    async def run(self) -> None:
        """Act until the call has ended."""
        origin, quiet_since = self._clock.now(), None
        while not self._session.ended:
            now = self._timeline.now
            while self.left and self._is_due(self.left[0], now):
                await self._do(self.left[0])
                self.left = self.left[1:]
            quiet = self._is_quiet()
            quiet_since = (now if quiet_since is None else quiet_since) if quiet else None
            if self._is_over(now, quiet_since):
                await self._obey(HangUp())
                await self._session.finished()
                break
            await self._clock.sleep(origin + (self._microphone.frames + 1) * FRAME_S - self._clock.now())
            frame = self._microphone.frame(self._echo())
            if self._connected and self._sending:
                await self._obey(Hear(frame.tobytes()))
            await self._listen()
        await self._listen()

    def _echo(self) -> Int16Mono:
        if (echo := self._call.echo) is None:
            return np.zeros(FRAME, np.int16)
        sound = self._loudspeaker.sound(self._clock.now() - echo.delay_ms / 1000, FRAME_S)
        return (sound * echo.gain).astype(np.int16)

    # ------------------------------------------------------------------ when

    def _is_due(self, item: Item, now: float) -> bool:
        if isinstance(item.act, Sounds) and not isinstance(item.when, IntoLine) and now < self._item_ended - 1e-6:
            return False  # a learner has one voice: speech waits for the end of earlier speech
        match item.when:
            case AfterItem(ms):
                return now >= self._item_ended + ms / 1000 - 1e-6
            case AtTime(ms):
                return now >= ms / 1000 - 1e-6
            case IntoLine(ms):
                return now >= self._item_began + ms / 1000 - 1e-6
            case AfterEvent(event, ms):
                entry = next((entry for entry in self._timeline.since(self._seen) if entry.what == event), None)
                return entry is not None and now >= entry.at + ms / 1000 - 1e-6
            case IntoReply(ms):
                position = self._loudspeaker.position(self._clock.now())
                if position is None or not self._sounds_since(position[0]):
                    return False
                return position[1] >= ms - 1e-6

    def _sounds_since(self, turn: int) -> bool:
        """Return whether this reply has been playing since the start of the previous item."""
        if self._loudspeaker.is_playing(self._clock.now()):
            return True
        return any(
            entry.what == "reply.started" and entry.fields["turn"] == turn for entry in self._timeline.since(self._seen)
        )

    def _is_quiet(self) -> bool:
        state = self._session.state
        return (
            not self.left
            and not self._microphone.busy
            and state.phase is Phase.LISTENING
            and state.reply is ReplyPhase.NONE
            and not self._loudspeaker.is_playing(self._clock.now())
            and self._timeline.now >= self._item_ended
        )

    def _is_over(self, now: float, quiet_since: float | None) -> bool:
        if now * 1000 >= self._call.limit_ms:
            self.cut_off = True
            return True
        if quiet_since is not None and now - quiet_since >= self._call.rest_ms / 1000:
            return True
        return bool(self.left) and now - max(self._timeline.last_at, self._item_ended, self._due_by()) > GIVE_UP_S

    def _due_by(self) -> float:
        """Return the time by which the next item is due, if it is known."""
        match self.left[0].when:
            case AtTime(ms):
                return ms / 1000
            case AfterItem(ms) | AfterEvent(_, ms):
                return self._item_ended + ms / 1000
            case _:
                return 0.0

    # ------------------------------------------------------------------ what

    async def _do(self, item: Item) -> None:
        self._item_began = self._item_ended = self._timeline.now
        self._seen = len(self._timeline)
        match item.act:
            case Sounds(name, audio, speech):
                what = "learner.says" if speech else "learner.noise"
                entry = self._timeline.add("learner", what, name=name, ms=length_ms(audio))
                self._item_ended = entry.until = self._item_began + len(audio) / 16_000
                self._microphone.play(audio)
            case Types(text):
                self._timeline.add("learner", "learner.types", text=text)
                await self._obey(Say(text))
            case Presses(digits):
                self._timeline.add("learner", "learner.presses", digits=digits)
                for digit in digits:
                    await self._obey(Digit(digit))
            case Waits(ms):
                self._item_ended = self._item_began + ms / 1000
            case Does(control):
                self._timeline.add("learner", "learner.does", what=control)
                await self._control(control)

    async def _control(self, control: str) -> None:
        match control:
            case "stop":
                await self._obey(Stop())
            case "mute" | "unmute":
                await self._obey(Mute(control == "mute"))
            case "commit":
                await self._obey(Commit())
            case "ask-reply":
                await self._obey(RequestReply())
            case "transferred" | "transfer-failed":
                await self._obey(Transferred(done=control == "transferred"))
            case "hang-up":
                await self._obey(HangUp())
            case "frames-off" | "frames-on":
                self._sending = control == "frames-on"
            case "drop":
                self._connected = False
                self._attendance.leave()
            case "resume":
                self._resume()

    def _resume(self) -> None:
        call = self._attendance.call
        try:
            call = self._calls.resume(call.user_id, self._chat_id, self._session.resume_token)
        except NotFound:
            return  # the call has ended meanwhile, as the timeline shows
        self._attendance = Attendance(self._calls, call)
        self.connect()

    async def _obey(self, command: Command) -> None:
        await obey(self._attendance.call, command)

    # ------------------------------------------------------------------ the ear

    async def _listen(self) -> None:
        now = self._clock.now()
        for turn, begin, end in self._loudspeaker.news(now):
            self._timeline.heard(turn, begin, end)
        if self._connected and self._microphone.frames % ACKNOWLEDGE_EVERY == 0:
            position = self._loudspeaker.position(now)
            if position is not None and int(position[1]) > self._acknowledged.get(position[0], 0):
                turn, milliseconds = position
                self._acknowledged[turn] = int(milliseconds)
                await self._obey(Played(turn, milliseconds))
