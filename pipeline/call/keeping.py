"""Keeps what names each open call in the store, so that the next process can carry the call on."""

import asyncio
import hashlib
import logging
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.errors import Conflict, StorageFailed
from models.records.core import Message
from models.records.open_calls import KeptCall
from models.store import Store
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


class CallKeeper:
    """Writes the rows of one process's calls, the latest state of each; `run` is its task.

    Args:
        store: has the rows.
        clock: paces the attempts while the store is away.
        resume_s: a call that no process carries can be resumed for this long.
    """

    def __init__(self, store: Store, clock: Clock, resume_s: float) -> None:
        self._store = store
        self._clock = clock
        self._within = timedelta(seconds=resume_s)
        self._rows: dict[str, KeptCall] = {}
        self._changed: dict[str, KeptCall | None] = {}
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def begin(self, call: Call, persona_id: str | None, earlier: KeptCall | None) -> None:
        """Store what names a call, before its caller has the token, and follow its events.

        Raises:
            StorageFailed: the store is away.
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
            reply_id=None,
            began_at=earlier.began_at if earlier is not None else self._store.now(),
        )
        await self._store.keep_calls([row])
        self._rows[chat_id] = row
        session.subscribe(lambda event: self._hear(call, event))

    def attended(self, call: Call) -> None:
        """Note the formats of the line that attends a call."""
        output = asdict(call.output) if call.output is not None else {}
        self._change(call, input=asdict(call.wire), output=output)

    async def kept(self, user_id: str, chat_id: str, token: str) -> KeptCall | None:
        """Return the call that this token resumes, if no process carries it and its time is not over.

        Raises:
            StorageFailed: the store is away.
            Busy: another process carries it, or was killed just now.
        """
        try:
            return await self._store.kept_call(user_id, chat_id, hash_of(token), self._within)
        except Conflict as error:
            raise Busy(str(error)) from None

    async def left(self, user_id: str, chat_id: str | None, conversation_id: str | None) -> KeptCall | None:
        """Return the user's call that no process carries, and whose time is not over, by what names it in requests.

        Raises:
            StorageFailed: the store is away.
        """
        if not chat_id and not conversation_id:
            return None
        return await self._store.left_call(user_id, self._within, chat_id=chat_id, conversation_id=conversation_id)

    async def forget(self) -> None:
        """Forget the calls of earlier processes that can be resumed no more."""
        with suppress(StorageFailed):
            await self._store.forget_calls(self._within)

    async def run(self) -> None:
        """Write rows until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            changed, self._changed = self._changed, {}
            rows = [row for row in changed.values() if row is not None]
            try:
                await self._store.keep_calls(rows, [chat_id for chat_id, row in changed.items() if row is None])
            except StorageFailed:
                self._changed = {**changed, **self._changed}
                await self._clock.sleep(LONGEST_RETRY_S)
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
                self._change(call, reply_id=message_id)
            case ReplyEnded():
                self._change(call, reply_id=None)
            case CallEnded(chat_id=chat_id, reason=reason):
                if reason == "closing":
                    self._change(call, released_at=self._store.now())
                else:
                    self._put(chat_id, None)
                self._rows.pop(chat_id, None)
            case _:
                pass

    def _change(self, call: Call, **changes: Any) -> None:
        chat_id = call.session.conversation.chat_id
        if (row := self._rows.get(chat_id)) is None:
            return
        session = call.session
        if session.opening.stopped:
            changes["settings"] = _stored(replace(session.settings, recording=None))
        changed = replace(row, turn=session.state.number, recorded=session.opening.recorded, **changes)
        if changed != row:
            self._rows[chat_id] = changed
            self._put(chat_id, changed)

    def _put(self, chat_id: str, row: KeptCall | None) -> None:
        self._changed[chat_id] = row
        self._idle.clear()
        self._news.set()


def _stored(settings: SessionSettings) -> dict[str, Any]:
    stored: dict[str, Any] = _SETTINGS.dump_python(replace(settings, tools=()), mode="json")
    return stored


def hash_of(token: str) -> str:
    """Return what is stored of a resume token."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_resumed_by(call: Call, token: str) -> bool:
    """Return whether this is the call's resume token, or that which it had in an earlier process."""
    return call.session.resume_token == token or call.earlier_hash == hash_of(token)


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


def events_of(kept: KeptCall, message: Message | None) -> list[SessionEvent]:
    """Return what the owner of a kept call has missed: that the reply which was being said was broken off."""
    if message is None or kept.reply_id != message.id:
        return []
    heard = message.text
    return [
        ReplyCleared(kept.turn, message.heard_ms or 0, heard),
        ReplyEnded(kept.turn, message.id, message.full_text or heard, heard, message.interrupted),
    ]
