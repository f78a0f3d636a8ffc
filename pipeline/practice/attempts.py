"""Attempts: their start, the next chat, added chats, and earlier chats that they take over."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.errors import Conflict
from models.records.core import Attempt, Chat
from models.records.resources import ResourceKind
from models.store import Store
from pipeline.chats.events import ChatChannel
from pipeline.chats.hub import Hub, profile_channel
from pipeline.practice.configuring import Configurations
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.selection import configuration_of
from pipeline.practice.values import QuestionValue, Values

ALL_DONE = "Every scenario of this attempt is complete."


@dataclass(frozen=True, slots=True)
class NewChat:
    """A chat to add to an attempt. Values become resources; ids choose existing ones.

    Attributes:
        source_id: a chat whose scenario it runs; None for the attempt's first.
        previous_id: an earlier chat that it continues.
        draft_id: the draft that it is made from; all else takes precedence.
        texts, text_ids: by kind "name", "description" or "problem_statement"; a text takes precedence.
        ids: by list, such as "persona_ids"; a list not given is the scenario's.
        objectives, questions: become resources, after the ids of their list.
    """

    source_id: str | None = None
    previous_id: str | None = None
    draft_id: str | None = None
    texts: Mapping[ResourceKind, str] = field(default_factory=dict)
    text_ids: Mapping[ResourceKind, str] = field(default_factory=dict)
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    objectives: Sequence[str] | None = None
    questions: Sequence[QuestionValue] | None = None


class Attempts:
    """Starts attempts and moves them on.

    Args:
        store: keeps them.
        hub: takes the events.
        own: finds the chats.
        configurations: applies drafts.
        new_id: makes the ids of resources.
    """

    def __init__(
        self, store: Store, hub: Hub, own: OwnChats, configurations: Configurations, new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._hub = hub
        self._own = own
        self._configurations = configurations
        self._new_id = new_id

    async def start(
        self,
        user_id: str,
        *,
        home_id: str | None = None,
        practice_id: str | None = None,
        infinite_mode: bool = False,
        draft_id: str | None = None,
    ) -> Attempt:
        """Start an attempt at a home's or a practice's simulation: one chat for each of its scenarios.

        Args:
            draft_id: a draft that customises the first chat.

        Raises:
            Invalid: not exactly one of home_id and practice_id is given.
            NotFound: no such entry or draft, or it is not open to this user.
        """
        draft = await self._store.draft(user_id, draft_id) if draft_id else None
        attempt = await self._store.start_attempt(
            user_id, home_id=home_id, practice_id=practice_id, infinite_mode=infinite_mode
        )
        first = attempt.chats[0]
        if draft is not None:  # of another attempt's chat, it is a pattern for this one
            configuration = await self._configurations.of(first, draft.state)
            first = await self._store.configure_chat(first.id, configuration)
        about = {"attempt_id": attempt.id, "chat_entry_id": first.id}
        self._hub.publish(profile_channel(user_id), "attempt_started", about, user_id=user_id, entity_id=attempt.id)
        return attempt

    async def next(self, user_id: str, attempt_id: str, draft_id: str | None = None) -> Chat | None:
        """Go on to the next chat that is not complete, and let its time run; in infinite mode there is always one.

        Args:
            draft_id: a draft that customises it.

        Returns:
            The chat; None where every scenario is complete.

        Raises:
            NotFound: unknown attempt or draft, or another user's.
            Invalid: the draft is another chat's than the next.
        """
        attempt = await self._store.attempt(user_id, attempt_id)
        chosen = await self._next(user_id, attempt)
        if chosen is None:
            publish_attempt_ended(self._hub, user_id, attempt.id, message=ALL_DONE)
            return None
        if draft_id is not None:
            await self._configurations.apply(chosen, draft_id)
        chat = await self._store.open_chat(chosen.id)
        ChatChannel(self._hub, chat.id, user_id).publish("attempt_chat_started", {"attempt_id": attempt.id})
        return chat

    async def _next(self, user_id: str, attempt: Attempt) -> Chat | None:
        left = [] if attempt.ended_at is not None else [chat for chat in attempt.chats if chat.completed_at is None]
        waiting = [chat for chat in left if chat.started_at is None]
        if waiting:
            return waiting[0]
        if attempt.infinite_mode and attempt.ended_at is None:
            simulation = await self._store.simulation(attempt.simulation_id)
            scenario_id = simulation.scenario_ids[(attempt.chats[-1].position + 1) % len(simulation.scenario_ids)]
            scenario = await self._store.scenario(scenario_id)
            return await self._store.add_chat(user_id, attempt.id, scenario_id=scenario_id, name=scenario.name)
        return left[-1] if left else None

    async def add_chat(self, user_id: str, attempt_id: str, new: NewChat) -> Chat:
        """Add a chat to an attempt.

        Raises:
            NotFound: unknown attempt, chat or draft, or another user's.
            Conflict: the attempt has ended, or has as many chats as one may have.
            Invalid: unknown ids, which the message names.
        """
        attempt = await self._store.attempt(user_id, attempt_id)
        if attempt.ended_at is not None:
            raise Conflict("This attempt has ended: start another one.")
        source = await self._own.find(user_id, new.source_id) if new.source_id else attempt.chats[0]
        if new.previous_id is not None:
            await self._store.chat(user_id, new.previous_id)
        state = dict((await self._store.draft(user_id, new.draft_id)).state) if new.draft_id is not None else {}
        chosen = {f"{kind}_id": ident for kind, ident in new.text_ids.items() if kind not in new.texts}
        await self._configurations.check(user_id, {**new.ids, **chosen}, attempt.chats)
        values = Values(user_id, self._new_id)
        state |= _chosen(values, new)
        await values.keep(self._store)
        configuration = await configuration_of(self._store, state)
        return await self._store.add_chat(
            user_id,
            attempt.id,
            scenario_id=source.scenario_id,
            name=configuration.get("name") or source.name,
            configuration=configuration,
            previous_chat_id=new.previous_id,
        )

    async def use_previous(self, user_id: str, attempt_id: str, previous: Mapping[str, str]) -> bool:
        """Take over the messages and grades of earlier chats on the same scenarios.

        Args:
            previous: the earlier chat by chat of this attempt.

        Returns:
            Whether that finished the attempt.

        Raises:
            NotFound: unknown attempt or chat, or another user's.
            Conflict: a chat has begun already, or the earlier one ran another scenario.
        """
        attempt = await self._store.take_over(user_id, attempt_id, previous)
        finished = is_finished(attempt)
        if finished:
            await self._store.complete_attempt(user_id, attempt.id)
        for chat_id in previous:
            ChatChannel(self._hub, chat_id, user_id).publish("attempt_chat_ended", {"is_attempt_finished": finished})
        if finished:
            publish_attempt_ended(self._hub, user_id, attempt.id)
        return finished


def is_finished(attempt: Attempt) -> bool:
    """Return whether every scenario of an attempt is complete; in infinite mode it never is."""
    return not attempt.infinite_mode and all(chat.completed_at is not None for chat in attempt.chats)


def publish_attempt_ended(hub: Hub, user_id: str, attempt_id: str, **more: Any) -> None:
    """Publish to an attempt's owner that all of its scenarios are complete."""
    about = {"attempt_id": attempt_id, "success": True, "all_scenarios_complete": True, **more}
    hub.publish(profile_channel(user_id), "attempt_ended", about, user_id=user_id, entity_id=attempt_id)


def _chosen(values: Values, new: NewChat) -> dict[str, Any]:
    """Return a new chat's choices as a draft's state."""
    state: dict[str, Any] = {name: list(ids) for name, ids in new.ids.items()}
    state |= {f"{kind}_id": ident for kind, ident in new.text_ids.items()}
    state |= {f"{kind}_id": values.text(kind, text) for kind, text in new.texts.items()}
    if new.objectives is not None:
        made = [values.text("objective", text) for text in new.objectives]
        state["objective_ids"] = [*state.get("objective_ids", []), *made]
    if new.questions is not None:
        made = [values.question(question) for question in new.questions]
        state["question_ids"] = [*state.get("question_ids", []), *made]
    return state
