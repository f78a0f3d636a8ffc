"""Keeps what names each open call in the store, so that the next process can carry the call on."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from models.errors import Conflict, StorageFailed
from models.records.core import Message
from models.records.open_calls import Carrier, KeptCall
from models.store import Store
from models.store.leases import CallLease
from models.store.open_calls import lease_of
from pipeline.call.call import Call
from pipeline.call.settings import CallNames, CallRecording, SessionSettings, new_resume_token
from pipeline.conversation.events import (
    CallEnded,
    ReplyBegan,
    ReplyCleared,
    ReplyEnded,
    SessionEvent,
    UserMessage,
    UserStarted,
)
from pipeline.errors import Busy
from pipeline.tasks.clock import Clock
from pipeline.tasks.writer import LONGEST_RETRY_S
from voice.audio.formats import AudioFormat

log = logging.getLogger(__name__)

LAST_WRITES_S = 10.0
"""How long a process that stops waits for a store that is away."""

_SETTINGS = TypeAdapter(SessionSettings)

AdoptionCause = Literal["deploy", "crash", "moved"]
"""Why a call goes on in another process: the earlier one stops, ended without releasing it, or was asked for it."""

_Fate = Literal["kept", "released", "ended"]


class CallKeeper:
    """Writes the rows of one process's calls, the latest state of each; `run` is its task.

    Args:
        store: has the rows.
        clock: paces the attempts while the store is away.
        resume_s: a call that no process carries can be resumed for this long.
        moved: gets the chat of a call that another process has now.
    """

    def __init__(self, store: Store, clock: Clock, resume_s: float, moved: Callable[[str], None]) -> None:
        self._store = store
        self._moved = moved
        self._clock = clock
        self._within = timedelta(seconds=resume_s)
        self._rows: dict[str, KeptCall] = {}
        self._changed: dict[str, tuple[KeptCall, _Fate]] = {}
        self._news = asyncio.Event()
        self._owed: dict[str, str] = {}
        """The replies that have ended, by their chats, of which the owners do not know it yet."""
        self._written = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def begin(self, call: Call, persona_id: str | None, earlier: KeptCall | None) -> CallLease:
        """Store what names a call, before its caller has the token, and follow its events.

        Returns:
            The lease with which this process carries it.

        Raises:
            StorageFailed: the store is away.
            Conflict: another process carries the call of this chat.
        """
        session, chat_id = call.session, call.session.conversation.chat_id
        row = KeptCall(
            chat_id=chat_id,
            user_id=call.user_id,
            conversation_id=session.conversation_id,
            group_id=session.group_id,
            resume_hash=hash_of(session.resume_token),
            persona_id=persona_id,
            input=asdict(call.wire),
            output={},
            settings=_stored(session.settings),
            recorded=session.opening.recorded,
            turn=session.state.number,
            reply_id=earlier.reply_id if earlier is not None else None,
            began_at=earlier.began_at if earlier is not None else self._store.now(),
        )
        claiming = asyncio.ensure_future(
            self._store.claim_call(row, over=earlier.epoch if earlier is not None else None)
        )
        try:
            claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(lambda done: self._withdraw(done, earlier))
            raise
        self._rows[chat_id] = claimed
        if claimed.reply_id is not None and earlier is not None:
            self._owed[chat_id] = claimed.reply_id
        session.subscribe(lambda event: self._hear(call, event))
        return lease_of(claimed)

    def withdraw(self, call: Call, earlier: KeptCall | None) -> None:
        """Give a call back that was begun, but not carried."""
        if (row := self._rows.pop(call.session.conversation.chat_id, None)) is not None:
            self._put(row, "ended" if earlier is None else "released")

    def _withdraw(self, claiming: "asyncio.Future[KeptCall]", earlier: KeptCall | None) -> None:
        if not claiming.cancelled() and claiming.exception() is None:
            self._put(claiming.result(), "ended" if earlier is None else "released")

    def attended(self, call: Call) -> None:
        """Note the formats of the line that attends a call."""
        output = asdict(call.output) if call.output is not None else {}
        owed: dict[str, Any] = {}
        if self._owed.pop(call.session.conversation.chat_id, None):  # its end reaches the owner now
            owed["reply_id"] = None
        self._change(call, input=asdict(call.wire), output=output, **owed)

    def owed(self, chat_id: str) -> str | None:
        """Return the reply that has ended, of which a call's owner does not know it yet."""
        return self._owed.get(chat_id)

    def unheard(self, call: Call, missed: Iterable[SessionEvent]) -> None:
        """Note what did not reach the line that has left a call: it may come back in another process."""
        for event in missed:
            if isinstance(event, ReplyEnded):
                self._owe(call, event.message_id)

    async def kept(self, user_id: str, chat_id: str, token: str) -> KeptCall | None:
        """Return the call that this token resumes, if no process carries it and its time is not over.

        Raises:
            StorageFailed: the store is away.
            Conflict: another process carries it.
            Busy: its release is not written yet.
        """
        match self._changed.get(chat_id):
            case (_, "released"):
                raise Busy("The call is being handed over; resume it in a moment.")
            case (_, "ended"):
                return None
        key = hash_of(token)
        try:
            return await self._store.kept_call(user_id, chat_id, key, self._within)
        except Conflict:
            if not await self._recovers(chat_id=chat_id):
                raise
        return await self._store.kept_call(user_id, chat_id, key, self._within)

    async def left(self, user_id: str, chat_id: str | None, conversation_id: str | None) -> KeptCall | None:
        """Return the user's call that no process carries, and whose time is not over, by what names it in requests.

        Raises:
            StorageFailed: the store is away.
        """
        if not chat_id and not conversation_id:
            return None
        left = await self._store.left_call(user_id, self._within, chat_id=chat_id, conversation_id=conversation_id)
        if left is None and await self._recovers(chat_id=chat_id, conversation_id=conversation_id):
            left = await self._store.left_call(user_id, self._within, chat_id=chat_id, conversation_id=conversation_id)
        return left

    async def _recovers(self, *, chat_id: str | None, conversation_id: str | None = None) -> bool:
        """Release what a process has left that runs no more; return whether this call is one of its."""
        carrier = await self._store.carrier(chat_id=chat_id, conversation_id=conversation_id)
        if carrier is None or not carrier.gone:
            return False
        await self._store.recover(always=False)
        again = await self._store.carrier(chat_id=chat_id, conversation_id=conversation_id)
        if again is not None and again.gone:  # of a process that was never entered, or is crossed out already
            await self._store.recover()
        return True

    async def carrier(self, chat_id: str | None, conversation_id: str | None = None) -> Carrier | None:
        """Return the other process that carries a call; what one left that runs no more is released first.

        Raises:
            StorageFailed: the store is away.
        """
        carrier = await self._store.carrier(chat_id=chat_id, conversation_id=conversation_id)
        if carrier is not None and carrier.gone:
            await self._recovers(chat_id=chat_id, conversation_id=conversation_id)
            return None
        return carrier

    async def cause_of(self, kept: KeptCall) -> AdoptionCause:
        """Return why the process that has carried a call carries it no more.

        Raises:
            StorageFailed: the store is away.
        """
        if kept.process_id is None:
            return "crash"
        return "moved" if await self._store.takes_calls(kept.process_id) else "deploy"

    async def settled(self, chat_id: str) -> None:
        """Return when the latest state of a chat's call is written, or the store stays away."""
        limit = asyncio.ensure_future(self._clock.sleep(LAST_WRITES_S))
        while chat_id in self._changed and not limit.done():
            written = asyncio.ensure_future(self._written.wait())
            await asyncio.wait([written, limit], return_when=asyncio.FIRST_COMPLETED)
            written.cancel()
        limit.cancel()

    async def forget(self) -> None:
        """Forget the calls of earlier processes that can be resumed no more."""
        with suppress(StorageFailed):
            await self._store.forget_calls(self._within)

    async def run(self) -> None:
        """Write rows until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            changed = dict(self._changed)
            fates: dict[_Fate, list[KeptCall]] = {"kept": [], "released": [], "ended": []}
            for row, fate in changed.values():
                fates[fate].append(row)
            try:
                lost = await self._store.keep_calls(fates["kept"], fates["released"], fates["ended"])
            except StorageFailed:
                await self._clock.sleep(LONGEST_RETRY_S)
            else:
                self._changed = {chat: change for chat, change in self._changed.items() if changed.get(chat) != change}
                self._written.set()
                self._written = asyncio.Event()
                for chat_id in lost:
                    self._moved(chat_id)
            if self._changed:
                self._news.set()
            else:
                self._idle.set()

    async def flushed(self, running: asyncio.Task[None]) -> None:
        """Return when all rows are written, the store stays away, or `run`, which is this task, has been cancelled."""
        waiting = [asyncio.ensure_future(self._idle.wait()), asyncio.ensure_future(self._clock.sleep(LAST_WRITES_S))]
        await asyncio.wait([*waiting, running], return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _hear(self, call: Call, event: SessionEvent) -> None:
        match event:
            case UserStarted() | UserMessage():
                self._change(call)
            case ReplyBegan(message_id=message_id):
                self._owed.pop(call.session.conversation.chat_id, None)
                self._change(call, reply_id=message_id)
            case ReplyEnded(message_id=message_id):
                row = self._rows.get(call.session.conversation.chat_id)
                if not call.attended:
                    self._owe(call, message_id)
                elif row is not None and row.reply_id == message_id:  # it may be stored after the next one has begun
                    self._change(call, reply_id=None)
            case CallEnded(chat_id=chat_id, reason=reason):
                self._owed.pop(chat_id, None)
                if (row := self._rows.pop(chat_id, None)) is not None:
                    self._put(self._now(call, row), "released" if reason == "closing" else "ended")
            case _:
                pass

    def _owe(self, call: Call, reply_id: str) -> None:
        chat_id = call.session.conversation.chat_id
        row = self._rows.get(chat_id)
        if row is not None and row.reply_id in (None, reply_id):  # rather than the next one, which is being said
            self._owed[chat_id] = reply_id
            self._change(call, reply_id=reply_id)

    def _change(self, call: Call, **changes: Any) -> None:
        chat_id = call.session.conversation.chat_id
        if (row := self._rows.get(chat_id)) is None:
            return
        changed = self._now(call, row, **changes)
        if changed != row:
            self._rows[chat_id] = changed
            self._put(changed, "kept")

    @staticmethod
    def _now(call: Call, row: KeptCall, **changes: Any) -> KeptCall:
        session = call.session
        if session.opening.stopped:
            changes["settings"] = _stored(replace(session.settings, recording=None))
        return replace(row, turn=session.state.number, recorded=session.opening.recorded, **changes)

    def _put(self, row: KeptCall, fate: _Fate) -> None:
        self._changed[row.chat_id] = (row, fate)
        self._idle.clear()
        self._news.set()


def _stored(settings: SessionSettings) -> dict[str, Any]:
    stored: dict[str, Any] = _SETTINGS.dump_python(replace(settings, tools=()), mode="json")
    return stored


def hash_of(token: str) -> str:
    """Return what is stored of a resume token."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_resumed_by(call: Call, resume_hash: str) -> bool:
    """Return whether this is the hash of the call's resume token, or of that which it had in an earlier process."""
    return resume_hash in (hash_of(call.session.resume_token), call.earlier_hash)


def names_of(kept: KeptCall, token: str | None) -> CallNames:
    """Return the names with which a kept call goes on; without its resume token, with a new one."""
    return CallNames(kept.conversation_id, kept.group_id, token or new_resume_token(), kept.turn)


def input_of(kept: KeptCall) -> AudioFormat:
    """Return the format of the learner's audio."""
    return AudioFormat(**kept.input)


def output_of(kept: KeptCall) -> AudioFormat | None:
    """Return the format of the persona's audio, if a line has attended the call."""
    return AudioFormat(**kept.output) if kept.output else None


def settings_of(kept: KeptCall, settings: SessionSettings, elapsed_s: float) -> SessionSettings:
    """Return the settings with which a kept call goes on.

    Args:
        settings: those of a new call; what cannot be stored, its tools, is taken from them, and all of them if the
            stored ones are of a version that had others.
        elapsed_s: how long the call has lasted.
    """
    try:
        stored = _SETTINGS.validate_python(kept.settings)
    except ValidationError:
        return settings
    stored = replace(stored, tools=settings.tools)
    if kept.recorded and stored.recording is not None:
        stored = replace(stored, recording=CallRecording())
    if stored.time_limit is not None:
        left_s = max(1.0, stored.time_limit.longest_s - elapsed_s)
        stored = replace(stored, time_limit=replace(stored.time_limit, longest_s=left_s))
    return stored


def end_of(reply_id: str, turn: int, messages: Sequence[Message]) -> list[SessionEvent]:
    """Return what the owner of a kept call has missed: the end of the reply that was being said.

    Args:
        turn: the call's latest one.
        messages: of the chat; a reply that is not among them was broken off before any of it was stored.
    """
    place = next((place for place, message in enumerate(messages) if message.id == reply_id), None)
    if place is None:
        return [ReplyCleared(turn, 0, ""), ReplyEnded(turn, reply_id, "", "", interrupted=True)]
    message, heard = messages[place], messages[place].text
    turn -= sum(later.role == "user" for later in messages[place:])  # each is a turn of its own
    interrupted = message.interrupted or not message.completed
    return [
        ReplyCleared(turn, message.heard_ms or 0, heard),
        ReplyEnded(turn, message.id, message.full_text or heard, heard, interrupted),
    ]
