"""Overviews of a chat or an attempt: everything about it in one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.records.core import Attempt, Chat, ChatContext, Simulation
from models.records.outcomes import Draft, Grade, Note
from models.records.resources import Rubric
from models.store import Store
from pipeline.call.registry import Calls
from pipeline.chats.chats import Chats, UnderWay
from pipeline.practice.configuring import Configurations
from pipeline.practice.grading import rubric_for
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.sections import ChatSection, Narrowing, sections_of
from pipeline.practice.timing import ChatTime, time_of

COMPLETED, TIME_IS_UP = "The chat is completed.", "The time for this chat is up."


@dataclass(frozen=True, slots=True)
class ChatOverview:
    """A chat with everything about it.

    Attributes:
        chat: as it is, or as `draft` would make it.
        closed_because: why it takes no more messages; None while it does.
        group_id: the id of its open call.
        notes: its hints and feedback.
        sections: the selected and the available resources, by kind.
    """

    chat: Chat
    context: ChatContext
    simulation: Simulation
    draft: Draft | None
    time: ChatTime
    closed_because: str | None
    group_id: str | None
    notes: Sequence[Note]
    sections: Mapping[str, ChatSection]


@dataclass(frozen=True, slots=True)
class AttemptOverview:
    """An attempt with everything about it.

    Attributes:
        grades: the newest of each chat that has one, by chat.
        contexts: of its chats, in their order.
        current: the first chat that is not complete; None if there is none.
        time: of the current chat.
        runs: the replies that are being written.
    """

    attempt: Attempt
    simulation: Simulation
    rubric: Rubric
    grades: Mapping[str, Grade]
    notes: Sequence[Note]
    contexts: Sequence[ChatContext]
    current: Chat | None
    time: ChatTime
    runs: Sequence[UnderWay]


class Overviews:
    """Reads chats and attempts.

    Args:
        store: keeps them.
        chats, calls: the written replies and the open calls.
        own: finds the chats.
        configurations: shows a chat as a draft would make it.
    """

    def __init__(self, store: Store, chats: Chats, calls: Calls, own: OwnChats, configurations: Configurations) -> None:
        self._store = store
        self._chats = chats
        self._calls = calls
        self._own = own
        self._configurations = configurations

    async def chat(
        self,
        user_id: str,
        chat_id: str,
        *,
        attempt_id: str | None = None,
        draft_id: str | None = None,
        narrowed: Mapping[str, Narrowing] | None = None,
    ) -> ChatOverview:
        """Return a chat with everything about it.

        Args:
            attempt_id: the attempt that the chat must belong to.
            draft_id: show the chat as this draft would make it.
            narrowed: the filter of each section, by kind; an omitted section shows everything selected.

        Raises:
            NotFound: unknown chat or draft, another user's, or of another attempt.
        """
        store = self._store
        chat = await self._own.find(user_id, chat_id, attempt_id)
        draft = await store.draft(user_id, draft_id) if draft_id else None
        preview = await self._configurations.of(chat, draft.state) if draft is not None else None
        context = await store.context(chat_id, preview)
        chat = context.chat
        attempt = await store.attempt(user_id, chat.attempt_id)
        simulation = await store.simulation(attempt.simulation_id)
        call = await self._calls.orders.named(user_id, chat_id=chat_id)
        time = time_of(chat, attempt, simulation, store.now())
        return ChatOverview(
            chat=chat,
            context=context,
            simulation=simulation,
            draft=draft,
            time=time,
            closed_because=COMPLETED if chat.completed_at else TIME_IS_UP if time.expired else None,
            group_id=call.group_id if call else None,
            notes=await store.notes([chat_id], "hint", "feedback"),
            sections=await sections_of(store, user_id, context, narrowed or {}),
        )

    async def attempt(self, user_id: str, attempt_id: str) -> AttemptOverview:
        """Return an attempt with its chats, messages, grades and notes.

        Raises:
            NotFound: unknown, or another user's.
        """
        store = self._store
        attempt = await store.attempt(user_id, attempt_id)
        simulation = await store.simulation(attempt.simulation_id)
        ids = [chat.id for chat in attempt.chats]
        current = next((chat for chat in attempt.chats if chat.completed_at is None), None)
        return AttemptOverview(
            attempt=attempt,
            simulation=simulation,
            rubric=await rubric_for(store, simulation.id),
            grades=await store.grades_of(ids),
            notes=await store.notes(ids),
            contexts=[await store.context(ident) for ident in ids],
            current=current,
            time=time_of(current, attempt, simulation, store.now()) if current else ChatTime(),
            runs=await self._chats.under_way(user_id, ids),
        )
