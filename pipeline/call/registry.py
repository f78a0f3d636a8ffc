"""Every open call: opened once a chat, found again by any door, resumed after a dropped connection, ended for sure."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from models.errors import NotFound
from models.store import Store
from pipeline.call.session import Engines, SessionSettings, VoiceSession
from pipeline.conversation.conversation import ConversationSource, OpenConversation, conversation_of
from pipeline.conversation.events import Problem, ReplyAudio, ReplyText, SessionEvent, UserPartial
from pipeline.errors import Busy, NotOwner, SessionConflict
from pipeline.hearing.inlet import Inlet, Taken
from pipeline.tasks.clock import Clock
from voice.audio.formats import AudioFormat, Int16Mono

BACKLOG_LIMIT = 500
"""Events kept for a dropped connection; beyond this the oldest are forgotten."""

FRAMES_AT_ONCE = 25
"""Frames fed before the event loop gets its turn: a client may send a minute of audio in one message."""

REAP_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls, and how long one may be without a sign of life.

    Attributes:
        max_calls: calls open at once.
        idle_s: a call without anything coming in for this long is ended.
        resume_s: a dropped connection may come back within this.
    """

    max_calls: int = 100
    idle_s: float = 300.0
    resume_s: float = 60.0


class Call:
    """An open session with the door that its audio comes through.

    Attributes:
        user_id: whose it is.
        output: the format of the persona's audio that its latest connection asked for; None before any did.
        attended: a connection hears it now.
        tap: told every 20 ms frame of the learner's audio, after the session.
    """

    def __init__(self, user_id: str, session: VoiceSession, wire: AudioFormat) -> None:
        self.user_id = user_id
        self.session = session
        self.output: AudioFormat | None = None
        self.attended = False
        self.tap: Callable[[Int16Mono], None] | None = None
        self._inlet = Inlet(wire)
        self._feeding = asyncio.Lock()
        self._backlog: deque[SessionEvent] = deque(maxlen=BACKLOG_LIMIT)
        self._stop_keeping: Callable[[], None] | None = None
        self._evicted = asyncio.Event()
        self._vacant = asyncio.Event()
        self._vacant.set()

    @property
    def wire(self) -> AudioFormat:
        """The format of the learner's audio."""
        return self._inlet.wire

    async def take_format(self, wire: AudioFormat) -> None:
        """From now on the learner's audio comes in another format.

        Raises:
            UnsupportedFormat: nobody here understands it.
        """
        if wire != self.wire:
            inlet = Inlet(wire)
            async with self._feeding:
                frames, _ = await self._inlet.flush()
                await self._inlet.close()
                self._inlet = inlet
                await self._feed(frames)

    async def hear(self, data: bytes) -> None:
        """Take audio in the call's format, in messages of any size.

        Raises:
            InvalidAudio: it is not what it claims to be; what could be decoded was heard.
        """
        if not self._feeding.locked() and (taken := self._inlet.at_once(data)) is not None:
            # The common case, and the live path's: a frame or two, without waiting for anybody.
            frames, problem = taken
            if len(frames) <= FRAMES_AT_ONCE:
                self.session.expect(len(frames))
                self._hand_over(frames)
                if problem is not None:
                    raise problem
            else:
                async with self._feeding:
                    await self._take(taken)
            return
        async with self._feeding:
            await self._take(await self._inlet.push(data))

    async def commit(self) -> None:
        """Manual turns: the utterance ends with the audio that has come.

        Raises:
            InvalidAudio: the recording that was sent holds no sound.
        """
        async with self._feeding:
            frames, problem = await self._inlet.commit()
            await self._feed(frames)
            if problem is None or self.session.state.utterance_open:
                self.session.commit()
            if problem is not None:
                raise problem

    async def realign(self) -> None:
        """A connection dropped, maybe in the middle of a sample: let what follows begin anew."""
        async with self._feeding:
            frames, _ = await self._inlet.realign()
            await self._feed(frames)

    async def hear_rest(self) -> None:
        """Take what is left of an unfinished frame or container; the learner sends no more of it.

        Raises:
            InvalidAudio: the recording was cut short; what could be decoded was heard.
        """
        async with self._feeding:
            await self._take(await self._inlet.flush())

    async def hang_up(self) -> None:
        """The learner sends no more: finish the open utterance, then end.

        Raises:
            InvalidAudio: the recording was cut short; what could be decoded was heard.
        """
        try:
            await self.hear_rest()
        finally:
            self.session.hang_up()

    def keep_events(self, missed: Iterable[SessionEvent] = ()) -> None:
        """Nobody listens for now: keep what happens for whoever comes back, after what was `missed` already."""
        for event in missed:
            self._keep(event)
        self._stop_keeping = self._stop_keeping or self.session.listen(self._keep)

    def take_backlog(self) -> list[SessionEvent]:
        """What happened meanwhile, oldest first."""
        if self._stop_keeping is not None:
            self._stop_keeping()
            self._stop_keeping = None
        missed = list(self._backlog)
        self._backlog.clear()
        return missed

    async def evict(self) -> None:
        """Whoever comes back proves that the connection is dead, or not wanted: wait until it has left."""
        self._evicted.set()
        await self._vacant.wait()

    async def evicted(self) -> None:
        """Return when another connection takes the place of the one that waits here."""
        await self._evicted.wait()

    def occupy(self) -> None:
        """A connection has the call."""
        self.attended = True
        self._evicted.clear()
        self._vacant.clear()

    def vacate(self) -> None:
        """It has left."""
        self.attended = False
        self._vacant.set()

    async def close(self) -> None:
        """Free the decoder."""
        await self._inlet.close()

    def _keep(self, event: SessionEvent) -> None:
        match event, self._backlog[-1] if self._backlog else None:
            case ReplyAudio(), _:
                return  # handed out again
            case ReplyText(turn, delta), ReplyText(same, before) if turn == same:
                self._backlog[-1] = ReplyText(turn, before + delta)
            case UserPartial(turn), UserPartial(same) if turn == same:
                self._backlog[-1] = event
            case _:
                self._backlog.append(event)

    async def _take(self, taken: Taken) -> None:
        frames, problem = taken
        await self._feed(frames)
        if problem is not None:
            raise problem

    async def _feed(self, frames: list[Int16Mono]) -> None:
        self.session.expect(len(frames))
        for start in range(0, len(frames), FRAMES_AT_ONCE):
            self._hand_over(frames[start : start + FRAMES_AT_ONCE])
            if start + FRAMES_AT_ONCE < len(frames):
                await asyncio.sleep(0)

    def _hand_over(self, frames: list[Int16Mono]) -> None:
        for frame in frames:
            self.session.frame(frame)
            if self.tap is not None:
                self.tap(frame)


class Calls:
    """The registry and the owner of every call. Use as an async context manager; leaving it ends them all.

    Args:
        engines: shared by all calls.
        store: where chats are.
        clock: the source of time for all calls.
        limits: how many, and how long.
        new_id: makes ids.
    """

    def __init__(
        self, engines: Engines, store: Store, clock: Clock, limits: CallLimits, new_id: Callable[[], str]
    ) -> None:
        self._engines = engines
        self._store = store
        self._clock = clock
        self._limits = limits
        self._new_id = new_id
        self._calls: dict[str, Call] = {}
        self._opening: set[str] = set()
        self._watchers: list[Callable[[Call], None]] = []
        self._sources: list[ConversationSource] = []
        self._leases: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap(), name="reaper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._reaper.cancel()
        for lease in list(self._leases.values()):
            lease.cancel()
        for call in list(self._calls.values()):
            call.session.hang_up()
        await self._tasks.__aexit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self._calls)

    def watch(self, opened: Callable[[Call], None]) -> None:
        """Have every call told to `opened` as soon as it is open."""
        self._watchers.append(opened)

    def register(self, source: ConversationSource) -> None:
        """Let this source's chats be spoken to as well; sources are asked in the order they were registered."""
        self._sources.append(source)

    async def open(
        self, user_id: str, chat_id: str, wire: AudioFormat, settings: SessionSettings, persona_id: str | None = None
    ) -> Call:
        """Open a call on a chat.

        Raises:
            NotFound: no such chat, or somebody else's.
            SessionConflict: the chat has a call already.
            Busy: as many calls as the service carries are open.
            UnsupportedFormat: audio that nobody here understands.
        """
        wire.check()
        if self._closing:
            raise Busy("The service is closing; try again in a moment.")
        if chat_id in self._calls or chat_id in self._opening:
            raise SessionConflict("This chat has an open call; resume it, or end it with chat_silence first.")
        if len(self._calls) + len(self._opening) >= self._limits.max_calls:
            raise Busy("As many calls as this service carries are open; try again in a moment.")
        self._opening.add(chat_id)
        try:
            opened = await self._conversation(user_id, chat_id, persona_id)
            engines = self._engines if opened.responder is None else replace(self._engines, responder=opened.responder)
            session = VoiceSession(opened.conversation, engines, opened.log, self._clock, settings, self._new_id)
            call = Call(user_id, session, wire)
            self._tasks.create_task(self._carry(chat_id, call), name=f"call {session.conversation_id}")
            try:
                await session.begun()
            except asyncio.CancelledError:
                session.hang_up()
                raise
            self._calls[chat_id] = call
            for watcher in self._watchers:
                watcher(call)
            return call
        finally:
            self._opening.discard(chat_id)

    def find(self, user_id: str, *, chat_id: str | None = None, conversation_id: str | None = None) -> Call | None:
        """The open call on a chat, or of that name.

        Raises:
            NotOwner: it is somebody else's.
        """
        call = self._calls.get(chat_id or "") or next(
            (call for call in self._calls.values() if call.session.conversation_id == conversation_id), None
        )
        if call is not None and call.user_id != user_id:
            raise NotOwner("Not the owner of this session.")
        return call

    def resume(self, user_id: str, chat_id: str, token: str) -> Call:
        """Come back to a call whose connection dropped.

        Raises:
            NotFound: it has ended, or the token is not its own.
        """
        call = self._calls.get(chat_id)
        if call is None or call.user_id != user_id or call.session.resume_token != token:
            raise NotFound("There is no call to resume here any more; open a new one without `resume`.")
        return call

    def attend(self, call: Call) -> None:
        """A connection hears this call from now on."""
        call.occupy()
        if (lease := self._leases.pop(call.session.conversation_id, None)) is not None:
            lease.cancel()
        call.session.connect()

    def leave(self, call: Call, missed: Iterable[SessionEvent] = ()) -> None:
        """The connection dropped: the call waits for it to come back, and ends if it does not.

        Args:
            call: the call that it had.
            missed: events that it was not sent any more.
        """
        call.vacate()
        if call.session.ended:
            return
        call.session.disconnect()
        call.keep_events(missed)
        if self._closing:
            call.session.hang_up()
            return
        name = call.session.conversation_id
        self._leases[name] = self._tasks.create_task(self._expire(call), name=f"lease {name}")

    async def _conversation(self, user_id: str, chat_id: str, persona_id: str | None) -> OpenConversation:
        try:
            await self._store.chat(user_id, chat_id)
        except NotFound:
            for source in self._sources:
                if (opened := await source.open(user_id, chat_id)) is not None:
                    return opened
            raise
        context = await self._store.context(chat_id)
        if context.chat.completed_at is not None:
            raise SessionConflict("This chat has ended: start another one, or go on to the next.")
        return OpenConversation(conversation_of(context, persona_id), self._store)

    async def _carry(self, chat_id: str, call: Call) -> None:
        try:
            await call.session.run()
        finally:
            self._calls.pop(chat_id, None)
            if (lease := self._leases.pop(call.session.conversation_id, None)) is not None:
                lease.cancel()
            await call.close()

    async def _expire(self, call: Call) -> None:
        await self._clock.sleep(self._limits.resume_s)
        call.session.hang_up()

    async def _reap(self) -> None:
        while True:
            await self._clock.sleep(min(REAP_EVERY_S, self._limits.idle_s))
            now = self._clock.now()
            for call in list(self._calls.values()):
                if not call.session.over and now - call.session.active_at >= self._limits.idle_s:
                    call.session.report(
                        Problem(
                            "idle", f"Nothing came for {self._limits.idle_s:g} s, so the call ends; open a new one."
                        )
                    )
                    call.session.hang_up()
