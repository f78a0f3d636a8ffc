"""Exchanges: a message, its answer from whatever source, and hints for what to say next."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from models.errors import Invalid
from models.records.core import Message
from models.records.jobs import Job
from models.records.outcomes import Note
from models.store import Store
from pipeline.call.registry import Calls
from pipeline.call.spoken_answer import Answer
from pipeline.chats.chats import Chats, Sent
from pipeline.chats.events import ChatChannel, RunName
from pipeline.chats.hub import Hub
from pipeline.errors import Busy, ResponderFailed
from pipeline.practice.coaching import Coaching, WrittenHint
from pipeline.practice.messages import Messages, NewMessage, answer_of
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.progress import REFUSALS, sentence_of
from pipeline.tasks.background import Background

HINTS = frozenset({"chat_hints", "hints"})
"""The operations that request hints rather than an answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A stored message, its answer and its hints (None while they are pending)."""

    sent: Sent
    answer: Message | Answer | None = None
    hints: Sequence[Note] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to generate the answer in a chat, hints, or the text of a recording.

    Attributes:
        operations: what to generate: hints alone if it names nothing else.
        chat_id, attempt_id: the chat; of an attempt alone its current one.
        conversation_id: the open call that answers, if no chat is given.
        group_id: the id of the run; None for a new one.
        audio_id: a recording to transcribe.
    """

    operations: Collection[str] = ()
    chat_id: str | None = None
    attempt_id: str | None = None
    conversation_id: str | None = None
    group_id: str | None = None
    audio_id: str | None = None


@dataclass(frozen=True, slots=True)
class Produced:
    """One product of a run, of kind "text" or "hint"."""

    kind: str
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Generated:
    """A new or a running run, and its products so far."""

    name: RunName
    produced: tuple[Produced, ...] = ()


class Exchanges:
    """Answers messages.

    Args:
        store, chats, calls, hub: keep messages, answer in writing, answer aloud, take the events.
        background: runs what awaits an answer to generate hints.
        messages: stores the messages.
        coaching: gives the hints.
        own: finds the chats.
        new_id: makes ids of runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        chats: Chats,
        calls: Calls,
        hub: Hub,
        background: Background,
        messages: Messages,
        coaching: Coaching,
        own: OwnChats,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._chats = chats
        self._calls = calls
        self._hub = hub
        self._background = background
        self._messages = messages
        self._coaching = coaching
        self._own = own
        self._new_id = new_id

    # -------------------------------------------------------------- message

    async def message(
        self,
        user_id: str,
        message: NewMessage,
        *,
        attempt_id: str | None = None,
        answer: str | None = None,
        hints: Sequence[str] = (),
        wait: bool = False,
        asker: str = "",
    ) -> Exchange:
        """Send a message; hints for what to say next follow the answer unrequested.

        Args:
            attempt_id: the attempt that the chat must belong to.
            answer: the client's own, stored instead of the persona's.
            hints: the client's own, stored and published.
            wait: return when the persona has answered.
            asker: the channel that gets a later failure.

        Raises:
            Whatever `Messages.send`, `answer_of` and `Coaching.hints` do.
        """
        chat = await self._own.find(user_id, message.chat_id, attempt_id)
        message = replace(message, generate=message.generate and answer is None)
        sent = await self._messages.send(user_id, message, asker=asker)
        given: Message | Answer | None = None
        if answer is not None:
            given = await self._keep_answer(user_id, chat.id, answer, sent.message_id)
        elif wait:
            given = await answer_of(sent)
        if hints:
            about = given.id if given is not None else sent.message_id
            written = [WrittenHint(hint, about) for hint in hints]
            return Exchange(sent, given, await self._coaching.hints(user_id, chat.id, written))
        if wait and given is not None:
            return Exchange(sent, given, await self._coaching.hints(user_id, chat.id))
        if message.generate and not wait:
            with suppress(Busy):  # the answer comes without hints
                job = Job("", "hint", user_id, chat.id)
                self._background.start(f"hints {sent.message_id}", self._hint(user_id, chat.id, sent, asker), job)
        return Exchange(sent, given)

    async def _hint(self, user_id: str, chat_id: str, sent: Sent, asker: str) -> None:
        """Give hints for what to say next once the message is answered."""
        try:
            answer = await answer_of(sent)
            if answer is not None and not answer.interrupted:
                await self._coaching.hints(user_id, chat_id)
        except ResponderFailed:
            pass  # the failed answer was published already
        except REFUSALS as error:
            channel = ChatChannel(self._hub, chat_id, user_id, asker)
            channel.publish_to_asker("attempt_error", {"type": "hint", "message": sentence_of(error)})

    async def _keep_answer(self, user_id: str, chat_id: str, text: str, parent_id: str) -> Message:
        """Keep an answer that the client made itself."""
        context = await self._store.context(chat_id)
        persona_id = context.personas[0].id if context.personas else None
        stored = await self._store.add_message(
            chat_id, "assistant", text, origin="typed", parent_id=parent_id, persona_id=persona_id
        )
        run, at = RunName(self._new_id(), self._new_id()), stored.created_at.isoformat()
        channel = ChatChannel(self._hub, chat_id, user_id)
        channel.reply_began(run, stored.id, persona_id, at)
        channel.reply_ended(run, stored.id, text, persona_id, at)
        return stored

    # ------------------------------------------------------------- generate

    async def generate(self, user_id: str, wanted: Wanted, *, wait: bool = False, asker: str = "") -> Generated:
        """Generate what is wanted; if the chat's last message is being answered already, return that run.

        Args:
            wait: return when the persona has answered.
            asker: the channel that gets a failure.

        Raises:
            NotFound: unknown chat, attempt or recording, or another user's.
            Invalid: no chat is named, or none of the attempt's is left.
            Conflict: the chat has ended, or its time is up.
            Busy, ResponderFailed: there is no answer.
        """
        if wanted.audio_id is not None:
            return await self._transcribe(user_id, wanted, wanted.audio_id)
        if wanted.chat_id is None and wanted.conversation_id is not None:
            call = await self._calls.orders.named(user_id, conversation_id=wanted.conversation_id)
            if call is not None:  # an open call answers by itself
                return Generated(RunName(call.conversation_id, call.group_id))
        chat_id = wanted.chat_id or await self._current_chat(user_id, wanted.attempt_id)
        chat = await self._own.open(user_id, chat_id, wanted.attempt_id)
        if wanted.operations and HINTS.issuperset(wanted.operations):
            hints = await self._coaching.hints(user_id, chat.id)
            produced = tuple(Produced("hint", note.id, str(note.data.get("hint") or "")) for note in hints)
            return Generated(self._run_name(wanted), produced)
        call = await self._calls.orders.named(user_id, chat_id=chat.id)
        if call is not None:
            return Generated(RunName(call.conversation_id, call.group_id))
        begun = await self._chats.answer(user_id, chat.id, group_id=wanted.group_id, asker=asker)
        if not wait:
            return Generated(begun.name)
        answer = await answer_of(Sent("", begun.name.run_id, begun.name.group_id, begun.task))
        return Generated(begun.name, () if answer is None else (Produced("text", answer.id, answer.text),))

    async def _transcribe(self, user_id: str, wanted: Wanted, audio_id: str) -> Generated:
        text = await self._messages.spoken_text(user_id, audio_id)
        run = self._run_name(wanted)
        if wanted.chat_id is not None:
            await self._own.find(user_id, wanted.chat_id, wanted.attempt_id)
            complete = {"event_type": "text_complete", "run_id": run.run_id, "group_id": run.group_id, "text": text}
            channel = ChatChannel(self._hub, wanted.chat_id, user_id)
            channel.publish_to_owner(
                "attempt.generate.text.complete", complete, run_id=run.run_id, group_id=run.group_id
            )
        return Generated(run, (Produced("text", audio_id, text),))

    def _run_name(self, wanted: Wanted) -> RunName:
        return RunName(self._new_id(), wanted.group_id or self._new_id())

    async def _current_chat(self, user_id: str, attempt_id: str | None) -> str:
        if not attempt_id or not attempt_id.strip():
            raise Invalid("chat_id is required")
        attempt = await self._store.attempt(user_id, attempt_id)
        for chat in attempt.chats:
            if chat.completed_at is None:
                return chat.id
        raise Invalid("Every chat of this attempt is complete: start another one.")

    # ----------------------------------------------------------------- stop

    async def stop(self, user_id: str, *, chat_id: str | None = None, group_id: str | None = None) -> bool:
        """Stop the spoken or written replies of a chat or of a run's group; what there is of them is stored.

        Returns:
            Whether there was anything to stop.

        Raises:
            Invalid: neither is given.
            NotFound: no such chat, or another user's.
        """
        if chat_id is None and group_id is None:
            raise Invalid("Either chat_id or group_id is required.")
        return await self._chats.stop(user_id, chat_id=chat_id, group_id=group_id)
