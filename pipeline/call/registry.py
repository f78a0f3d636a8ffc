"""The registry of open calls: at most one a chat, found by any door, resumed after a dropped connection, ended."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from models.errors import ModelError, NotFound
from models.records.open_calls import KeptCall
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.keeping import CallKeeper, events_of, input_of, is_resumed_by, names_of, output_of, settings_of
from pipeline.call.log import CallLogger
from pipeline.call.session import Engines, SessionSettings, VoiceSession
from pipeline.call.settings import CallNames
from pipeline.conversation.conversation import ConversationSource, OpenConversation, conversation_of
from pipeline.conversation.events import Problem, SessionEvent
from pipeline.errors import Busy, NotOwner, SessionConflict
from pipeline.tasks.clock import Clock
from pipeline.tasks.log_context import CURRENT
from voice.audio.formats import AudioFormat

log = logging.getLogger(__name__)

REAP_EVERY_S = 5.0

LONGEST_RETURN_MS = 2000
"""Callers come back to a restarted service over this time, 20 ms apart if they are few."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many calls may be open, and how long one may be idle.

    Attributes:
        max_calls: calls open at once.
        idle_s: a call without input for this long is ended.
        resume_s: a dropped connection may be resumed for this long.
        per_user: calls of one user open at once; 0 for no limit.
    """

    max_calls: int = 100
    idle_s: float = 300.0
    resume_s: float = 60.0
    per_user: int = 0


class Calls:
    """The registry and the owner of every call. Use as an async context manager; leaving it ends them all.

    Args:
        engines: shared by all calls.
        store: the store of the chats.
        clock: the source of time for all calls.
        limits: the limits on calls.
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
        self._opening: dict[str, str] = {}
        """The users by the chats on which calls are being opened."""
        self._watchers: list[Callable[[Call], None]] = []
        self._adoption_watchers: list[Callable[[str], None]] = []
        self._sources: list[ConversationSource] = []
        self._leases: dict[str, asyncio.Task[None]] = {}
        self._keeper = CallKeeper(store, clock, limits.resume_s)
        self._closing = False
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._reaper = self._tasks.create_task(self._reap(), name="reaper")
        self._keeping = self._tasks.create_task(self._keeper.run(), name="keeper of calls")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._reaper.cancel()
        for lease in list(self._leases.values()):
            lease.cancel()
        for call in list(self._calls.values()):
            call.session.hang_up("closing")
        for call in list(self._calls.values()):
            await call.session.finished()
        await self._keeper.flushed(self._keeping)
        self._keeping.cancel()
        await self._tasks.__aexit__(kind, error, trace)

    async def drain(self, within_s: float) -> None:
        """End all calls for the next process to carry on; each as soon as what is being said was heard.

        Args:
            within_s: how long a call may take for that; what is being said is broken off then.
        """
        self._closing = True
        limit = self._tasks.create_task(self._clock.sleep(within_s), name="drain")
        calls = list(self._calls.values())
        spread_ms = min(LONGEST_RETURN_MS, 20 * len(calls))
        releases = [
            self._tasks.create_task(self._release(call, limit, spread_ms * number // len(calls)))
            for number, call in enumerate(calls)
        ]
        await asyncio.gather(*releases)
        limit.cancel()
        await self._keeper.flushed(self._keeping)

    async def _release(self, call: Call, limit: asyncio.Task[None], after_ms: int) -> None:
        session = call.session
        await _heard_out(session, limit)
        session.restart_after_ms = after_ms
        session.hang_up("closing")
        await session.finished()

    async def hear_out(self, call: Call, within_s: float) -> None:
        """Return when what is being said in a call was said and answered, or after so many seconds."""
        limit = self._tasks.create_task(self._clock.sleep(within_s), name="limit of an answer")
        try:
            await _heard_out(call.session, limit)
        finally:
            limit.cancel()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def closing(self) -> bool:
        """Whether no further call is opened, as the service stops."""
        return self._closing

    @property
    def chat_ids(self) -> frozenset[str]:
        """The chats with an open call, or one that is being opened."""
        return frozenset((*self._calls, *self._opening))

    def when_opened(self, opened: Callable[[Call], None]) -> None:
        """Subscribe `opened` to the opening of every call."""
        self._watchers.append(opened)

    def when_adopted(self, adopted: Callable[[str], None]) -> None:
        """Have `adopted` called with each call that goes on here: "resumed" by its client, or "asked" for without."""
        self._adoption_watchers.append(adopted)

    def register(self, source: ConversationSource) -> None:
        """Add a source of chats; sources are asked in the order of registration."""
        self._sources.append(source)

    async def open(
        self, user_id: str, chat_id: str, wire: AudioFormat, settings: SessionSettings, persona_id: str | None = None
    ) -> Call:
        """Open a call on a chat.

        Raises:
            NotFound: no such chat, or somebody else's.
            SessionConflict: the chat has a call already.
            Busy: the limit of open calls is reached.
            UnsupportedFormat: the audio's format cannot be decoded.
        """
        return await self._open(user_id, chat_id, wire, settings, persona_id)

    async def kept(self, user_id: str, chat_id: str, token: str) -> KeptCall | None:
        """Return the call that this token resumes, if it is one of an earlier process that was released recently.

        Raises:
            Busy: another process carries it, or was killed just now.
        """
        return None if chat_id in self._calls or self._closing else await self._keeper.kept(user_id, chat_id, token)

    async def left(
        self, user_id: str, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> KeptCall | None:
        """Return the user's call that an earlier process has released recently, for a caller who has no token of it."""
        return None if self._closing else await self._keeper.left(user_id, chat_id, conversation_id)

    async def adopt(
        self, kept: KeptCall, token: str | None, wire: AudioFormat | None, settings: SessionSettings
    ) -> Call:
        """Carry on a call of an earlier process: with its names, its settings, and its turns' numbers.

        What its owner has missed is in the backlog, and a message that was not answered is answered.

        Args:
            token: the call's resume token. Without it the call is unattended, as one with audio by request, and has
                a new one; the old one resumes it, too.
            wire: the format of the learner's audio from now on; None for that of before.
            settings: those of a new call, for what the kept one does not say.

        Raises:
            NotFound, SessionConflict, Busy, UnsupportedFormat: as `open`.
        """
        elapsed_s = (self._store.now() - kept.began_at).total_seconds()
        settings = settings_of(kept, settings, elapsed_s)
        wire = wire or input_of(kept)
        names = names_of(kept, token)
        call = await self._open(kept.user_id, kept.chat_id, wire, settings, kept.persona_id, kept, names)
        call.output = output_of(kept)
        if token is None:
            call.earlier_hash = kept.resume_hash
        else:
            call.session.disconnect()  # nothing is said until a line attends
        call.keep_events(events_of(kept, call.session.conversation.last_message))
        if call.session.conversation.awaits_answer and not settings.rules.on_request:
            call.session.request_reply()
        for watcher in self._adoption_watchers:
            watcher("asked" if token is None else "resumed")
        log.info("Call %s goes on in this process.", kept.conversation_id)
        return call

    async def _open(
        self,
        user_id: str,
        chat_id: str,
        wire: AudioFormat,
        settings: SessionSettings,
        persona_id: str | None,
        kept: KeptCall | None = None,
        names: CallNames | None = None,
    ) -> Call:
        wire.check()
        if not self._closing and (chat_id in self._calls or chat_id in self._opening):
            raise SessionConflict("This chat has an open call; resume it, or end it with chat_silence first.")
        self.check_vacancy(user_id)
        self._opening[chat_id] = user_id
        try:
            opened = await self._conversation(user_id, chat_id, persona_id)
            engines = self._engines if opened.responder is None else replace(self._engines, responder=opened.responder)
            session = VoiceSession(opened.conversation, engines, opened.log, self._clock, settings, self._new_id, names)
            call = Call(user_id, session, wire)
            self._tasks.create_task(self._carry(chat_id, call), name=f"call {session.conversation_id}")
            try:
                await session.begun()
                await self._keeper.begin(call, persona_id, kept)
            except (asyncio.CancelledError, ModelError):
                session.hang_up("lost")
                raise
            self._calls[chat_id] = call
            log.info("Call %s begins on chat %s, of user %s.", session.conversation_id, chat_id, user_id)
            session.subscribe(CallLogger(call.log_context).hear)
            for watcher in self._watchers:
                watcher(call)
            return call
        finally:
            self._opening.pop(chat_id, None)

    def check_vacancy(self, user_id: str) -> None:
        """Check that this user can open another call.

        Raises:
            Busy: the limit of open calls, or of this user's, is reached, or the service is closing.
        """
        if self._closing:
            raise Busy("The service is closing; try again in a moment.")
        if len(self._calls) + len(self._opening) >= self._limits.max_calls:
            raise Busy("As many calls as this service carries are open; try again in a moment.")
        own = sum(call.user_id == user_id for call in self._calls.values())
        own += sum(opening == user_id for opening in self._opening.values())
        if 0 < self._limits.per_user <= own:
            raise Busy("You have as many calls open as one user may have; end one of them first.")

    def find(self, user_id: str, *, chat_id: str | None = None, conversation_id: str | None = None) -> Call | None:
        """Find the open call on a chat, or of that conversation id.

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
        """Return the call to resume after a dropped connection.

        Raises:
            NotFound: it has ended, or the token is not its.
            Busy: the service restarts; the next process has the call.
        """
        call = self._calls.get(chat_id)
        if self._closing and (call is None or call.session.over):
            raise Busy("The service restarts; resume the call in a moment.")
        if call is None or call.user_id != user_id or not is_resumed_by(call, token):
            raise NotFound("There is no call to resume here any more; open a new one without `resume`.")
        return call

    def attend(self, call: Call, lead_ms: int | None = None) -> None:
        """Mark the call as attended, with a lead of `lead_ms`; None adapts it to the line's jitter."""
        call.occupy()
        if (lease := self._leases.pop(call.session.conversation_id, None)) is not None:
            lease.cancel()
        call.session.connect(lead_ms)
        self._keeper.attended(call)

    def leave(self, call: Call, missed: Iterable[SessionEvent] = ()) -> None:
        """Mark the call as unattended: it waits to be resumed, and ends if it is not.

        Args:
            call: an attended one.
            missed: events that did not reach the line any more.
        """
        call.vacate()
        if call.session.ended:
            return
        call.session.disconnect()
        call.keep_events(missed)
        if self._closing or call.revoked:
            call.session.hang_up("revoked" if call.revoked else "closing")
            return
        name = call.session.conversation_id
        self._leases[name] = self._tasks.create_task(self._expire(call), name=f"lease {name}")

    def open_calls(self) -> list[Call]:
        """List the calls that are open."""
        return list(self._calls.values())

    def revoke(self, call: Call) -> None:
        """End a call whose caller may not speak any more; a line that attends it leaves first."""
        call.revoke()
        if not call.attended:
            call.session.hang_up("revoked")

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
        CURRENT.set(call.log_context)
        try:
            await call.session.run()
        finally:
            self._calls.pop(chat_id, None)
            if (lease := self._leases.pop(call.session.conversation_id, None)) is not None:
                lease.cancel()
            await call.close()

    async def _expire(self, call: Call) -> None:
        await self._clock.sleep(self._limits.resume_s)
        call.session.hang_up("lost")

    async def _reap(self) -> None:
        forgets_at: float | None = self._clock.now() + self._limits.resume_s
        while True:
            await self._clock.sleep(min(REAP_EVERY_S, self._limits.idle_s))
            now = self._clock.now()
            if forgets_at is not None and now > forgets_at:
                forgets_at = None
                await self._keeper.forget()
            for call in list(self._calls.values()):
                idle_s = call.session.settings.idle_s or self._limits.idle_s
                if not call.session.over and now - call.session.active_at >= idle_s:
                    call.session.report(
                        Problem("idle", f"Nothing came for {idle_s:g} s, so the call ends; open a new one.")
                    )
                    call.session.hang_up("idle")


async def _heard_out(session: VoiceSession, limit: asyncio.Task[None]) -> None:
    """Return when nobody speaks and nobody is waited for, the call is over, or `limit` is done."""
    stepped = asyncio.Event()
    limit.add_done_callback(lambda _: stepped.set())
    stop = session.observe(lambda _event, _actions: stepped.set())
    while not (limit.done() or session.over or session.state.floor_is_free):
        stepped.clear()
        await stepped.wait()
    stop()
