"""Drafts of a chat: values become resources, ids are merged, and each save is a version."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.records.outcomes import Draft
from models.records.resources import ResourceKind
from models.store import Store
from models.store.drafts import check_version
from pipeline.practice.configuring import Configurations, check_draft_of
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.values import MediaValue, OptionValue, QuestionValue, Values

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class DraftChanges:
    """The changes of one save. Omitted fields stay unchanged; an empty list empties.

    Attributes:
        texts: by kind "name", "description" or "problem_statement"; each becomes a resource.
        text_ids: the same kinds, chosen by id; a text takes precedence.
        ids: by list of the state, such as "persona_ids".
        objectives, images, videos, questions, options: become resources, added to the ids of their list.
    """

    texts: Mapping[ResourceKind, str] = field(default_factory=dict)
    text_ids: Mapping[ResourceKind, str] = field(default_factory=dict)
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    objectives: Sequence[str] | None = None
    images: Sequence[MediaValue] | None = None
    videos: Sequence[MediaValue] | None = None
    questions: Sequence[QuestionValue] | None = None
    options: Sequence[OptionValue] | None = None


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """A saved draft.

    Attributes:
        applied: its chat has taken it on.
    """

    draft: Draft
    applied: bool


class Drafts:
    """Saves drafts; a chat takes on its own draft with every save.

    Args:
        store: keeps them.
        own: finds the chats that drafts belong to.
        configurations: checks what they choose, and changes their chats.
        new_id: makes the ids of resources.
    """

    def __init__(self, store: Store, own: OwnChats, configurations: Configurations, new_id: Callable[[], str]) -> None:
        self._store = store
        self._own = own
        self._configurations = configurations
        self._new_id = new_id

    async def save(
        self,
        user_id: str,
        changes: DraftChanges,
        *,
        draft_id: str | None = None,
        expected_version: int | None = None,
        chat_id: str | None = None,
        attempt_id: str | None = None,
    ) -> SavedDraft:
        """Save a draft, a new one if `draft_id` is None; a chat that has not ended takes on its draft.

        Args:
            expected_version: the version that this save continues; None continues any.
            chat_id: the chat that it is a draft of, from now on; None for the chat of the earlier version, if any.
            attempt_id: the attempt that the chat belongs to, or whose resources it chooses; it changes none of them.

        Raises:
            NotFound: unknown draft, chat or attempt, or another user's.
            Conflict: the draft was saved by another client meanwhile.
            Invalid: unknown ids, which the message names; or the draft is another chat's.
        """
        # A save that is refused makes no resources; the version is checked again as it is written.
        known = await self._store.draft(user_id, draft_id) if draft_id is not None else None
        check_version(expected_version, known.version if known else 0)
        if known is not None and chat_id is not None:
            await self._own.find(user_id, chat_id, attempt_id)
            check_draft_of(known, chat_id)
        chat_id = chat_id or (known.chat_id if known else None)
        chat = await self._own.find(user_id, chat_id, attempt_id) if chat_id is not None else None
        chats = [chat] if chat is not None else []
        if chat is None and attempt_id is not None:
            chats = list((await self._store.attempt(user_id, attempt_id)).chats)
        chosen = {f"{kind}_id": ident for kind, ident in changes.text_ids.items() if kind not in changes.texts}
        asked = [option.question_id for option in changes.options or () if option.question_id]
        questions = {"question_ids": [*changes.ids.get("question_ids", ()), *asked]}
        await self._configurations.check(user_id, {**changes.ids, **questions, **chosen}, chats)
        state = await self._state(user_id, changes)
        draft = await self._store.save_draft(
            user_id, state, draft_id=draft_id, chat_id=chat_id, expected_version=expected_version
        )
        applied = chat is not None and chat.completed_at is None
        if chat is not None and applied:
            await self._configurations.apply(chat, draft.id)
        return SavedDraft(draft, applied)

    async def _state(self, user_id: str, changes: DraftChanges) -> dict[str, Any]:
        """Return the changes to the state."""
        values = Values(user_id, self._new_id)
        state: dict[str, Any] = {name: list(ids) for name, ids in changes.ids.items()}
        for kind in ("name", "description", "problem_statement"):
            if state.get(f"{kind}_ids") == []:
                state |= {kind: None, f"{kind}_id": None}
            elif ids := state.get(f"{kind}_ids"):
                found = await self._store.resources(ids[:1])
                state |= {kind: found[0].name if found else None, f"{kind}_id": ids[0]}
        for kind in dict.fromkeys((*changes.texts, *changes.text_ids)):
            text = changes.texts.get(kind)
            if text is not None:
                ident = values.text(kind, text)
            else:
                ident = changes.text_ids[kind]
                found = await self._store.resources([ident])
                text = found[0].name if found else None
            others = [one for one in state.get(f"{kind}_ids", []) if one != ident]
            state |= {kind: text, f"{kind}_id": ident, f"{kind}_ids": [ident, *others]}
        for name, made in _made(values, changes).items():
            if made is not None:
                state[name] = list(dict.fromkeys([*state.get(name, []), *made]))
        await values.keep(self._store)
        return state


def _made(values: Values, changes: DraftChanges) -> dict[str, list[str] | None]:
    """Return the ids of the resources that a save makes, by list; None for an omitted list."""
    first_question = next(iter(changes.ids.get("question_ids", ())), "")
    return {
        "objective_ids": _each(changes.objectives, lambda text: values.text("objective", text)),
        "image_ids": _each(changes.images, lambda media: values.media("image", media)),
        "video_ids": _each(changes.videos, lambda media: values.media("video", media)),
        "question_ids": _each(changes.questions, values.question),
        "option_ids": None
        if changes.options is None
        else [
            values.option(option, option.question_id or first_question, place)
            for place, option in enumerate(changes.options)
        ],
    }


def _each(given: Sequence[Value] | None, make: Callable[[Value], str]) -> list[str] | None:
    return None if given is None else [make(value) for value in given]
