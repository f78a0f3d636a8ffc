"""Written turns: stores a message from any door and has the persona answer it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from models.columns import clean
from models.errors import Conflict, NotFound
from models.records.core import Message
from models.records.jobs import Job
from models.store import Store
from pipeline.call.orders import WrittenLine
from pipeline.call.registry import Calls
from pipeline.call.spoken_answer import Answer
from pipeline.chats.events import ChatChannel, RunName
from pipeline.chats.hub import Hub
from pipeline.conversation.conversation import conversation_of
from pipeline.conversation.reply import Responder, Retraction, Truncation
from pipeline.errors import Busy, PipelineError
from pipeline.tasks.acting import Holding, hold
from pipeline.tasks.clock import LoopClock
from pipeline.tasks.jobs import Jobs

log = logging.getLogger(__name__)

RUNS_LIMIT = 64
"""Most replies written at once; a further one is refused."""

CHAT_ENDED = "This chat has ended: start another one, or go on to the next."


@dataclass(slots=True)
class Run:
    """A reply being written.

    Attributes:
        asker: the channel that gets the failure, if the reply fails.
        message_id: the id under which the reply will be stored.
        text: the reply so far.
        stopped: it was stopped.
        is_begun, is_written: its task has begun, and has all the words.
        task: returns the stored reply, or None if it was stopped before its first word.
    """

    name: RunName
    chat_id: str
    user_id: str
    asker: str
    message_id: str
    text: str = ""
    stopped: bool = False
    is_begun: bool = False
    is_written: bool = False
    task: "asyncio.Task[Message | None]" = field(init=False)

    def stop(self) -> bool:
        """Stop it; what there is of it is stored. Idempotent; False if all of it is written, and only to be stored."""
        if self.is_written and not self.stopped:
            return False
        if self.is_begun and not self.stopped:  # a task that is cancelled before it began would tell nobody
            self.task.cancel()
        self.stopped = True
        return True


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A reply that is being written in a chat, by whichever process."""

    name: RunName
    chat_id: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message and the run that answers it (None if no answer was requested).

    Attributes:
        run_id, group_id: ids of the run, or of the open call, which answers aloud.
        reply: the persona's answer, once it is written or spoken.
    """

    message_id: str
    run_id: str | None
    group_id: str | None
    reply: "asyncio.Future[Message | None] | asyncio.Future[Answer | None] | None" = None


class Chats:
    """Owns the written replies. Use as an async context manager; leaving it cancels those being written.

    Args:
        responder: writes the answers.
        store: the store of the messages.
        calls: a chat with an open call takes a written message as one typed into the call.
        new_id: makes ids.
        hub: takes the events; None to publish none.
        holding: has a reply stopped with the grant by which it was asked for.
        jobs: has one reply at a time written in a chat, by all processes together; None for those of this store.
    """

    def __init__(
        self,
        responder: Responder,
        store: Store,
        calls: Calls,
        new_id: Callable[[], str],
        hub: Hub | None = None,
        holding: Holding | None = None,
        jobs: Jobs | None = None,
    ) -> None:
        self._responder = responder
        self._store = store
        self._calls = calls
        self._new_id = new_id
        self._hub = Hub(store.now, new_id) if hub is None else hub
        self._holding = holding
        self._jobs = Jobs(store, LoopClock()) if jobs is None else jobs
        self._runs: dict[str, Run] = {}
        self._followed: set[asyncio.Task[Message | None]] = set()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*(run.task for run in self._runs.values()), *self._followed]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def chat_ids(self) -> frozenset[str]:
        """The chats in which a reply is being written."""
        return frozenset(run.chat_id for run in self._runs.values())

    def runs_of(self, chat_id: str) -> list[Run]:
        """List the replies being written in a chat, oldest first."""
        return [run for run in self._runs.values() if run.chat_id == chat_id]

    async def message(
        self,
        user_id: str,
        chat_id: str,
        text: str,
        *,
        persona_id: str | None = None,
        parent_id: str | None = None,
        auto_link_parent: bool = True,
        generate: bool = True,
        audio_ref: str | None = None,
        asker: str = "",
    ) -> Sent:
        """Store a learner's message and begin to answer it; `asker` is the channel that gets a failure.

        Raises:
            NotFound: no such chat, or somebody else's; or the persona is none of the chat's.
            Conflict: the chat has ended.
            Busy: too many replies are being written; the message is not stored.
        """
        chat = await self._store.chat(user_id, chat_id)
        if chat.completed_at is not None:
            raise Conflict(CHAT_ENDED)
        if persona_id is not None:
            personas = (await self._store.context(chat_id)).personas
            if persona_id not in {persona.id for persona in personas}:
                raise NotFound("Persona not found: use one of the chat's personas, or leave it out.")
        if generate and (typed := await self._calls.orders.type(user_id, chat_id, text)) is not None:
            return Sent(typed.message_id, typed.call.conversation_id, typed.call.group_id, typed.answer)
        if generate and len(self._runs) >= RUNS_LIMIT:
            raise Busy("Too many replies are being written; try again in a moment.")
        stored = await self._store.add_message(
            chat_id,
            "user",
            text,
            origin="typed",
            parent_id=parent_id,
            auto_link_parent=auto_link_parent,
            audio_ref=audio_ref,
        )
        if not generate:
            await self._calls.orders.note(user_id, chat_id, WrittenLine("user", stored.text, stored.id))
        ChatChannel(self._hub, chat_id, user_id).user_said(stored.id, stored.text, stored.created_at.isoformat())
        if not generate:
            return Sent(stored.id, None, None)
        run = self._begin(self._new_run(user_id, chat_id, None, asker), persona_id, stored.id)
        return Sent(stored.id, run.name.run_id, run.name.group_id, run.task)

    async def answer(
        self,
        user_id: str,
        chat_id: str,
        *,
        persona_id: str | None = None,
        group_id: str | None = None,
        asker: str = "",
    ) -> Run:
        """Answer what was said last; return the run that answers it already, of this or another process, if any.

        Raises:
            NotFound: no such chat, or somebody else's.
            Conflict: the chat has ended.
            Busy: too many replies are being written.
        """
        chat = await self._store.chat(user_id, chat_id)
        if chat.completed_at is not None:
            raise Conflict(CHAT_ENDED)
        if running := self.runs_of(chat_id):
            return running[-1]
        if len(self._runs) + len(self._followed) >= RUNS_LIMIT:
            raise Busy("Too many replies are being written; try again in a moment.")
        run = self._new_run(user_id, chat_id, group_id, asker)
        holder = await self._jobs.begin(_job(run), run.stop)
        if holder is not None:
            return self._runs.get(holder.id) or self._follow(holder)
        try:
            messages = await self._store.messages(chat_id)
        except BaseException:
            await self._jobs.end(run.name.run_id)
            raise
        return self._begin(run, persona_id, messages[-1].id if messages else None, begun=True)

    async def stop(self, user_id: str, *, chat_id: str | None = None, group_id: str | None = None) -> bool:
        """Stop the replies being written in a chat or a group, and store what there is; False if there were none.

        Raises:
            NotFound: no such chat, or somebody else's.
        """
        if chat_id is not None:
            await self._store.chat(user_id, chat_id)
        runs = [
            run
            for run in list(self._runs.values())
            if run.user_id == user_id and (run.chat_id == chat_id or run.name.group_id == group_id)
        ]
        stopped = [run for run in runs if run.stop()]
        await asyncio.gather(*(run.task for run in runs), return_exceptions=True)
        elsewhere = await self._elsewhere(user_id, chat_id, group_id)
        await self._jobs.stop(elsewhere)
        if stopped or elsewhere or chat_id is None:
            return bool(stopped or elsewhere)
        return await self._calls.orders.stop(user_id, chat_id)

    async def under_way(self, user_id: str, chat_ids: Sequence[str]) -> list[UnderWay]:
        """List the replies that are being written in these chats of a user, by whichever process; ours come first."""
        ours = [UnderWay(run.name, ident) for ident in chat_ids for run in self.runs_of(ident)]
        jobs = await self._store.jobs("reply", user_id, chat_ids=chat_ids)
        return ours + [UnderWay(_name_of(job), str(job.chat_id)) for job in jobs if job.id not in self._runs]

    async def _elsewhere(self, user_id: str, chat_id: str | None, group_id: str | None) -> list[Job]:
        jobs = await self._store.jobs("reply", user_id, chat_ids=None if chat_id is None else [chat_id])
        named = (job for job in jobs if chat_id is not None or _name_of(job).group_id == group_id)
        return [job for job in named if job.id not in self._runs]

    def _new_run(self, user_id: str, chat_id: str, group_id: str | None, asker: str) -> Run:
        name = RunName(self._new_id(), group_id or self._new_id())
        return Run(name, chat_id, user_id, asker, self._new_id())

    def _begin(self, run: Run, persona_id: str | None, parent_id: str | None, *, begun: bool = False) -> Run:
        run.task = asyncio.get_running_loop().create_task(self._answer(run, persona_id, parent_id, begun=begun))
        self._runs[run.name.run_id] = run
        hold(self._holding, run.task, run.stop)
        run.task.add_done_callback(lambda task: self._forget(run, task))
        return run

    def _follow(self, job: Job) -> Run:
        """Return the run of another process, whose task waits for the reply."""
        run = Run(_name_of(job), str(job.chat_id), job.user_id, "", str(job.about["message_id"]))
        run.task = asyncio.get_running_loop().create_task(self._followed_reply(run), name=f"reply {job.id} elsewhere")
        self._followed.add(run.task)
        run.task.add_done_callback(self._unfollow)
        return run

    def _unfollow(self, task: "asyncio.Task[Message | None]") -> None:
        self._followed.discard(task)
        if not task.cancelled():
            task.exception()

    async def _followed_reply(self, run: Run) -> Message:
        await self._jobs.followed(run.name.run_id)
        for message in reversed(await self._store.messages(run.chat_id)):
            if message.id == run.message_id:
                return message
        raise Conflict("The reply that was being written was stopped, or failed: ask again.")

    async def _answer(self, run: Run, persona_id: str | None, parent_id: str | None, *, begun: bool) -> Message | None:
        """Write and store the persona's answer to everything said so far, once no other is being written."""
        run.is_begun = True
        try:
            if run.stopped:
                raise asyncio.CancelledError
            async with self._turns.setdefault(run.chat_id, asyncio.Lock()):
                if not begun:
                    await self._jobs.begin_in_turn(_job(run), run.stop)
                return await self._write(run, persona_id, parent_id)
        except asyncio.CancelledError:
            if not run.stopped:
                raise
            # Stopped before its turn: whoever waits for its end hears of it all the same.
            ChatChannel(self._hub, run.chat_id, run.user_id, run.asker).reply_stopped(run.name)
            return None
        finally:
            await self._jobs.end(run.name.run_id)

    async def _write(self, run: Run, persona_id: str | None, parent_id: str | None) -> Message | None:
        channel = ChatChannel(self._hub, run.chat_id, run.user_id, run.asker)
        persona: str | None = None
        truncated = False
        try:
            conversation = conversation_of(await self._store.context(run.chat_id), persona_id)
            persona = conversation.persona.id or None
            channel.reply_began(run.name, run.message_id, persona, self._store.now().isoformat())
            async for delta in self._responder.reply(conversation.context()):
                if isinstance(delta, Retraction):
                    run.text = run.text[: delta.kept]
                truncated = truncated or isinstance(delta, Truncation)
                if not isinstance(delta, str):
                    continue  # there is no call to end or transfer
                delta = clean(delta)
                run.text += delta
                channel.reply_grew(run.name, run.message_id, delta, run.text, persona)
            run.is_written = True
            stored = await self._keep(run, persona, parent_id)
        except asyncio.CancelledError:
            if not run.stopped:
                raise
            kept = await self._keep(run, persona, parent_id) if run.text.strip() else None
            channel.reply_stopped(run.name)
            return kept
        except (PipelineError, NotFound, Conflict) as error:
            log.warning("A written reply failed: %s", error)
            channel.reply_failed(run.name, str(error))
            raise
        at = stored.created_at.isoformat()
        channel.reply_ended(run.name, stored.id, stored.text, persona, at, truncated=truncated)
        return stored

    async def _keep(self, run: Run, persona_id: str | None, parent_id: str | None) -> Message:
        return await self._store.add_message(
            run.chat_id,
            "assistant",
            run.text.strip() if run.stopped else run.text,
            origin="typed",
            id=run.message_id,
            parent_id=parent_id,
            persona_id=persona_id,
            interrupted=run.stopped,
            job_id=run.name.run_id,
        )

    def _forget(self, run: Run, task: "asyncio.Task[Message | None]") -> None:
        self._runs.pop(run.name.run_id, None)
        if not task.cancelled():
            task.exception()


def _job(run: Run) -> Job:
    about = {"group_id": run.name.group_id, "message_id": run.message_id}
    return Job(run.name.run_id, "reply", run.user_id, run.chat_id, f"chat {run.chat_id}", about)


def _name_of(job: Job) -> RunName:
    return RunName(job.id, str(job.about["group_id"]))
