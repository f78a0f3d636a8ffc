"""Orders: what requests do to the call on a chat, whichever process carries it, the same for every door.

await calls.orders.end(user.id, chat_id)     here, or at the process that carries the call

An order is given to a call of this process directly, and to another process's by a request to that process, which
never passes it on.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.errors import StorageFailed
from models.records.core import Role
from models.records.open_calls import Carrier
from models.store import Store
from pipeline.call.call import Call
from pipeline.call.keeping import CallKeeper
from pipeline.call.neighbours import Neighbours
from pipeline.call.register import CallRegister
from pipeline.call.spoken_answer import NOT_STORED, Answer, spoken_answer
from pipeline.errors import Busy, CallOver, NotOwner, PipelineError, ResponderFailed

log = logging.getLogger(__name__)

ANSWERS_LIMIT = 256
"""Most answers that other processes may still ask for; of more, the first are forgotten."""

NOT_YOURS = "Not the owner of this session."

Outcome = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CarriedCall:
    """The open call on a chat, of whichever process, by its names."""

    chat_id: str
    conversation_id: str
    group_id: str


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A message that was stored beside a call, and that its next replies are to know.

    Attributes:
        id: the message's; a call that knows it already takes it once.
    """

    role: Role
    text: str
    id: str


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A message that was typed into a call and stored.

    Attributes:
        answer: as of `spoken_answer`.
    """

    message_id: str
    call: CarriedCall
    answer: "asyncio.Future[Answer | None]"


class Orders:
    """Gives orders to calls.

    Args:
        register, keeper, store: know the calls of this process, those of the others, and the chats.
        neighbours: returns what reaches the other processes; None if nothing does: their calls are none then.
    """

    def __init__(
        self,
        register: CallRegister,
        keeper: CallKeeper,
        store: Store,
        neighbours: Callable[[], Neighbours | None],
    ) -> None:
        self._register = register
        self._keeper = keeper
        self._store = store
        self._neighbours = neighbours
        self._answers: OrderedDict[str, asyncio.Future[Answer | None]] = OrderedDict()
        self._awaited: set[asyncio.Task[Answer | None]] = set()

    async def close(self) -> None:
        """Await no answers of other processes any more."""
        for task in self._awaited:
            task.cancel()
        await asyncio.gather(*self._awaited, return_exceptions=True)

    # --------------------------------------------------------------- giving

    async def named(
        self, user_id: str, *, chat_id: str | None = None, conversation_id: str | None = None
    ) -> CarriedCall | None:
        """Return the open call on a chat, or of that conversation id; None if there is none.

        Raises:
            NotOwner: it is somebody else's.
            StorageFailed: the store is away.
        """
        call = self._register.find(user_id, chat_id=chat_id, conversation_id=conversation_id)
        if call is not None:
            return _named(call)
        carrier = await self._carrier(user_id, chat_id, conversation_id)
        if carrier is None:
            return None
        return CarriedCall(carrier.chat_id, carrier.conversation_id, carrier.group_id)

    async def check(self, user_id: str, chat_id: str) -> None:
        """Check that orders reach the call, if there is one, before anything is done that they belong to.

        Raises:
            Busy: the process that carries it cannot be reached.
            StorageFailed: the store is away.
        """
        await self._give(user_id, chat_id, "nothing")

    async def end(self, user_id: str, chat_id: str) -> bool:
        """Hang up; return once the call is over and all of it is stored, False if there is none.

        Raises:
            Busy: the process that carries it cannot be reached.
            StorageFailed: the store is away.
        """
        return await self._give(user_id, chat_id, "end") is not None

    async def end_all(self, user_id: str, chat_ids: frozenset[str]) -> None:
        """Hang up the calls on these chats, which are no more; one whose process cannot be reached ends by itself.

        Raises:
            StorageFailed: the store is away.
        """
        carried = self._register.chat_ids
        if self._neighbours() is not None:
            carried |= await self._store.chats_carried_elsewhere(user_id)
        for chat_id in carried & chat_ids:
            try:
                await self.end(user_id, chat_id)
            except Busy as error:
                log.warning("A call on a chat that was removed goes on for a while: %s", error)

    async def stop(self, user_id: str, chat_id: str) -> bool:
        """Stop the persona; return False if there is no call.

        Raises:
            Busy, StorageFailed: as `end`.
        """
        return await self._give(user_id, chat_id, "stop") is not None

    async def take_context(self, user_id: str, chat_id: str) -> None:
        """Have the call take on the chat's persona, documents and scenario as they are now.

        Raises:
            Busy, StorageFailed: as `end`.
            NotFound: it is the call of a chat of another source.
        """
        await self._give(user_id, chat_id, "take_context")

    async def note(self, user_id: str, chat_id: str, *lines: WrittenLine) -> None:
        """Add messages that were stored already to what the call's replies are written from.

        A call whose process cannot be reached goes on without them, until another process carries it.
        """
        try:
            await self._give(user_id, chat_id, "note", lines=[asdict(line) for line in lines])
        except (Busy, StorageFailed) as error:
            log.warning("A call does not know what was written in its chat: %s", error)

    async def type(self, user_id: str, chat_id: str, text: str) -> TypedLine | None:
        """Type a message into the call; return None if there is none, or it is over.

        Raises:
            Busy, StorageFailed: as `end`.
            ModelError: it cannot be stored.
        """
        if (call := self._register.find(user_id, chat_id=chat_id)) is not None:
            return await _type(call, text)
        outcome = await self._give(user_id, chat_id, "type", text=text)
        if not outcome:
            return None
        message_id = str(outcome["message_id"])
        waiting = asyncio.get_running_loop().create_task(
            self._answer(user_id, chat_id, message_id), name=f"answer to {message_id} elsewhere"
        )
        self._awaited.add(waiting)
        waiting.add_done_callback(self._answered)
        return TypedLine(message_id, CarriedCall(**outcome["call"]), waiting)

    async def _answer(self, user_id: str, chat_id: str, message_id: str) -> Answer | None:
        """Await the answer to a message that was typed at another process.

        Raises:
            ResponderFailed: there is none.
        """
        try:
            outcome = await self._give(user_id, chat_id, "answer", message_id=message_id)
        except Busy as error:
            raise ResponderFailed(str(error)) from None
        return Answer(**outcome) if outcome else None

    def _answered(self, task: "asyncio.Task[Answer | None]") -> None:
        self._awaited.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved, whether anybody awaits it or not

    async def _give(self, user_id: str, chat_id: str, order: str, **fields: Any) -> Outcome | None:
        """Give an order; return its outcome, None if there is no call."""
        if (call := self._register.find(user_id, chat_id=chat_id)) is not None:
            return await self._obey(call, order, fields)
        asked: Carrier | None = None
        while (carrier := await self._carrier(user_id, chat_id)) is not None and (neighbours := self._neighbours()):
            if asked is not None and carrier.process_id == asked.process_id:
                break  # it ends there
            asked = carrier
            given = {"user_id": user_id, "chat_id": chat_id, "order": order, "fields": fields}
            if (outcome := await neighbours.order(carrier, given)) is not None:
                return outcome
        return None

    async def _carrier(self, user_id: str, chat_id: str | None, conversation_id: str | None = None) -> Carrier | None:
        """Return the other process that carries a call and can be reached.

        Raises:
            NotOwner: it is somebody else's.
        """
        if self._neighbours() is None:
            return None
        carrier = await self._keeper.carrier(chat_id, conversation_id)
        if carrier is None or not carrier.address:
            return None
        if carrier.user_id != user_id:
            raise NotOwner(NOT_YOURS)
        return carrier

    # --------------------------------------------------------------- obeying

    async def take(self, user_id: str, chat_id: str, order: str, fields: Outcome) -> Outcome | None:
        """Give a call of this process an order of another one; return its outcome, None if it is not here any more.

        Raises:
            NotOwner: it is somebody else's.
            PipelineError, ModelError: the order's own errors.
        """
        call = self._register.find(user_id, chat_id=chat_id)
        if order == "answer" and (found := self._answers.get(str(fields["message_id"]))) is not None:
            return await _waited_for(found)
        if call is None:
            await self._keeper.settled(chat_id)  # it may have ended just now
            return None
        outcome = await self._obey(call, order, fields)
        if order == "end":
            await self._keeper.settled(chat_id)
        return outcome

    async def _obey(self, call: Call, order: str, fields: Outcome) -> Outcome:
        session = call.session
        match order:
            case "end":
                session.hang_up()
                await session.finished()
            case "stop":
                session.stop()
            case "take_context":
                if not session.over:
                    session.take_context(await self._store.context(session.conversation.chat_id))
            case "note":
                for line in (WrittenLine(**line) for line in fields["lines"]):
                    _note(call, line)
            case "type":
                typed = await _type(call, str(fields["text"]))
                if typed is None:
                    return {}
                self._answers[typed.message_id] = typed.answer
                if len(self._answers) > ANSWERS_LIMIT:
                    self._answers.popitem(last=False)
                return {"message_id": typed.message_id, "call": asdict(typed.call)}
            case _:
                pass  # nothing, or an order of a newer version
        return {}


def _named(call: Call) -> CarriedCall:
    session = call.session
    return CarriedCall(session.conversation.chat_id, session.conversation_id, session.group_id)


async def _type(call: Call, text: str) -> TypedLine | None:
    if call.session.over:
        return None
    try:
        stored_id = call.session.type_text(text)
    except CallOver:
        return None
    answer = spoken_answer(call.session)
    return TypedLine(await stored_id, _named(call), answer)


def _note(call: Call, line: WrittenLine) -> None:
    conversation = call.session.conversation
    if conversation.has(line.id):
        return
    if line.role == "user":
        conversation.typed(line.text, line.id)
    else:
        conversation.said(line.text, line.id)


async def _waited_for(answer: "asyncio.Future[Answer | None]") -> Outcome:
    """Return an answer as JSON, empty if there will be none; whoever asks may give up, and ask again."""
    await asyncio.wait({answer})
    error = None if answer.cancelled() else answer.exception()
    if error is not None:
        raise error if isinstance(error, PipelineError) else ResponderFailed(NOT_STORED)
    given = None if answer.cancelled() else answer.result()
    return asdict(given) if given is not None else {}
