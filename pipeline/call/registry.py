"""The registry of open calls: at most one a chat, found by any door, resumed after a dropped connection, ended."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from models.errors import Conflict, NotFound
from models.records.open_calls import KeptCall
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.hearing_out import heard_out
from pipeline.call.keeping import (
    AdoptionCause,
    end_of,
    hash_of,
    input_of,
    is_resumed_by,
    names_of,
    output_of,
    settings_of,
)
from pipeline.call.log import CallLogger
from pipeline.call.neighbours import Neighbours
from pipeline.call.orders import Orders
from pipeline.call.register import CLOSING, CallLimits, CallRegister
from pipeline.call.session import Engines, SessionSettings, VoiceSession
from pipeline.call.settings import CallNames
from pipeline.conversation.conversation import ConversationSource, OpenConversation, conversation_of
from pipeline.conversation.events import Problem
from pipeline.errors import Busy, SessionConflict
from pipeline.tasks.clock import Clock
from pipeline.tasks.log_context import CURRENT
from voice.audio.formats import AudioFormat

__all__ = ["CallLimits", "Calls"]

log = logging.getLogger(__name__)

REAP_EVERY_S = 5.0

OPEN_CALL = "This chat has an open call; resume it, or end it with chat_silence first."

LONGEST_RETURN_MS = 2000
"""Callers come back to a restarted service over this time, 20 ms apart if they are few."""


class Calls(CallRegister):
    """The registry and the owner of every call. Use as an async context manager; leaving it ends them all.

    Args:
        engines: shared by all calls.
        store: the store of the chats.
        clock: the source of time for all calls.
        limits: the limits on calls.
        new_id: makes ids.

    Attributes:
        neighbours: the other processes, which may carry a call that is asked for here; None if none is reached.
        orders: gives orders to calls, of the other processes, too.
    """

    def __init__(
        self, engines: Engines, store: Store, clock: Clock, limits: CallLimits, new_id: Callable[[], str]
    ) -> None:
        super().__init__(store, clock, limits)
        self._engines = engines
        self._store = store
        self._new_id = new_id
        self._watchers: list[Callable[[Call], None]] = []
        self._adoption_watchers: list[Callable[[str, AdoptionCause], None]] = []
        self._sources: list[ConversationSource] = []
        self.neighbours: Neighbours | None = None
        self.orders = Orders(self, self._keeper, store, lambda: self.neighbours)

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
        for lease in list(self._expiries.values()):
            lease.cancel()
        await self.orders.close()
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
        await heard_out(session, limit)
        session.restart_after_ms = after_ms
        session.hang_up("closing")
        await session.finished()

    async def release(self, user_id: str, chat_id: str, resume_hash: str | None) -> bool:
        """Have another process go on with a call; what is being said is broken off, and its line leaves.

        Args:
            resume_hash: of the call's resume token; without it a call is released only if nobody attends it.

        Returns:
            Whether it is not carried here any more.
        """
        if (call := self._calls.get(chat_id)) is None:
            await self._keeper.settled(chat_id)  # it may have ended just now
            return chat_id not in self._opening
        if call.user_id != user_id or (call.attended if resume_hash is None else not is_resumed_by(call, resume_hash)):
            return False
        while call.attended:
            await call.evict()
        call.session.hang_up("closing")
        await call.session.finished()
        await self._keeper.settled(chat_id)
        return True

    async def hear_out(self, call: Call, within_s: float) -> None:
        """Return when what is being said in a call was said and answered, or after so many seconds."""
        limit = self._tasks.create_task(self._clock.sleep(within_s), name="limit of an answer")
        try:
            await heard_out(call.session, limit)
        finally:
            limit.cancel()

    def when_opened(self, opened: Callable[[Call], None]) -> None:
        """Subscribe `opened` to the opening of every call."""
        self._watchers.append(opened)

    def when_adopted(self, adopted: Callable[[str, AdoptionCause], None]) -> None:
        """Have `adopted` called for each call that goes on here: "resumed" by its client or "asked" for, and why."""
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

        Another process that carries it is asked to release it.

        Raises:
            Busy: it does not.
        """
        if chat_id in self._calls or self._closing:
            return None
        try:
            return await self._keeper.kept(user_id, chat_id, token)
        except Conflict:
            carrier = await self._keeper.carrier(chat_id)
            if carrier is not None and self.neighbours is not None:
                await self.neighbours.release(carrier, hash_of(token))
        try:
            return await self._keeper.kept(user_id, chat_id, token)
        except Conflict as error:
            raise Busy(str(error)) from None

    async def unattended_elsewhere(self, user_id: str, chat_id: str) -> KeptCall | None:
        """Return the user's call on this chat that another process carries, if nobody attends it; it is released."""
        if chat_id in self._opening or self._closing:
            return None
        carrier = await self._keeper.carrier(chat_id)
        if carrier is None or carrier.user_id != user_id or self.neighbours is None:
            return None
        if not await self.neighbours.release(carrier, None):
            return None
        return await self._keeper.left(user_id, chat_id, None)

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
        cause = await self._keeper.cause_of(kept)
        call = await self._open(kept.user_id, kept.chat_id, wire, settings, kept.persona_id, kept, names)
        call.output = output_of(kept)
        if token is None:
            call.earlier_hash = kept.resume_hash
        else:
            call.session.disconnect()  # nothing is said until a line attends
        if (reply_id := self._keeper.owed(kept.chat_id)) is not None:
            call.keep_events(end_of(reply_id, kept.turn, call.session.conversation.earlier))
        else:
            call.keep_events()
        if call.session.conversation.awaits_answer and not settings.rules.on_request:
            call.session.request_reply()
        for watcher in self._adoption_watchers:
            watcher("asked" if token is None else "resumed", cause)
        log.info("Call %s goes on in this process (%s).", kept.conversation_id, cause)
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
            raise SessionConflict(OPEN_CALL)
        self.check_vacancy(user_id)
        self._opening[chat_id] = user_id
        try:
            opened = await self._conversation(user_id, chat_id, persona_id)
            engines = self._engines if opened.responder is None else replace(self._engines, responder=opened.responder)
            session = VoiceSession(opened.conversation, engines, opened.log, self._clock, settings, self._new_id, names)
            call = Call(user_id, session, wire)
            try:
                await self._claim(call, persona_id, kept)
            except BaseException:
                await call.close()
                raise
            self._tasks.create_task(self._carry(chat_id, call), name=f"call {session.conversation_id}")
            try:
                await session.begun()
            except asyncio.CancelledError:
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

    async def _claim(self, call: Call, persona_id: str | None, kept: KeptCall | None) -> None:
        """Have this process carry a call, as the only one.

        Raises:
            SessionConflict: another process carries one on its chat.
            Busy: another process has taken the kept one meanwhile, or this process stops.
        """
        try:
            call.session.writer.lease = await self._keeper.begin(call, persona_id, kept)
        except Conflict as error:
            if kept is not None:
                raise Busy(str(error)) from None
            raise SessionConflict(OPEN_CALL) from None
        if self._closing:
            self._keeper.withdraw(call, kept)
            raise Busy(CLOSING)

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
            if (lease := self._expiries.pop(call.session.conversation_id, None)) is not None:
                lease.cancel()
            await call.close()

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
