"""Drafts that take effect: a chat takes on the configuration of its draft, in writing and in an open call."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

from models.errors import Conflict, Invalid
from models.records.core import Chat
from models.records.outcomes import Draft
from models.records.resources import ResourceKind
from models.store import Store
from pipeline.call.registry import Calls
from pipeline.chats.chats import CHAT_ENDED
from pipeline.practice.selection import LISTS, configuration_of, own_texts, selected_ids

_KINDS = {name: name.removesuffix("_ids") for name in LISTS if name != "pending_ids"} | {"field_ids": "parameter_field"}
"""The kind of resource that each list refers to; pending ones are not there yet."""

_MOST_NAMED = 5


class Configurations:
    """Checks what drafts choose, and changes chats by them.

    Args:
        store: keeps chats, drafts and content.
        calls: the open calls, which take on a change at once.
    """

    def __init__(self, store: Store, calls: Calls) -> None:
        self._store = store
        self._calls = calls
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, user_id: str, state: Mapping[str, Any], chats: Iterable[Chat] = ()) -> None:
        """Check that everything a draft chooses exists, and that the user may choose it.

        Args:
            state: its lists of ids, and "name_id", "description_id" and "problem_statement_id".
            chats: chats of the user's whose own resources may be chosen, too.

        Raises:
            Invalid: some ids are unknown, or of another kind; the message names them.
        """
        wanted = {name: list(ids) for name, kind in _KINDS.items() if (ids := state.get(name))}
        for kind in ("name", "description", "problem_statement"):
            if ident := state.get(f"{kind}_id"):
                wanted.setdefault(f"{kind}_ids", []).append(ident)
        if unknown := await self._unknown(user_id, wanted, chats):
            raise Invalid(
                f"Unknown ids: {'; '.join(_named(name, ids) for name, ids in unknown.items())}. Use ids that chat_get, "
                "with the section's `selected` false, or the search of their kind returns."
            )

    async def of(self, chat: Chat, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration that a chat has with a draft, without what its user may not choose any more."""
        lists = {name: list(ids) for name in _KINDS if (ids := state.get(name))}
        unknown = await self._unknown(chat.user_id, lists, [chat])
        kept = {name: [ident for ident in lists[name] if ident not in missing] for name, missing in unknown.items()}
        return await configuration_of(self._store, {**state, **kept}, chat.configuration)

    async def _unknown(
        self, user_id: str, wanted: Mapping[str, Sequence[str]], chats: Iterable[Chat]
    ) -> dict[str, list[str]]:
        """Return what the user may not choose, by list: neither found by their searches, nor shown in these chats."""
        theirs = await self._chosen_in(chats) if wanted else {}
        unknown = {}
        for name, ids in wanted.items():
            kind = _KINDS[name]
            known = theirs.get(kind, set()) | await self._choosable(user_id, kind, ids)
            if missing := [ident for ident in dict.fromkeys(ids) if ident not in known]:
                unknown[name] = missing
        return unknown

    async def _choosable(self, user_id: str, kind: str, ids: Sequence[str]) -> set[str]:
        store = self._store
        match kind:
            case "persona":
                return {item.id for item in await store.find_personas(user_id, ids=ids)}
            case "document":
                return {item.id for item in await store.find_documents(user_id, ids=ids)}
            case "scenario":
                return {item.id for item in await store.find_scenarios(user_id, ids=ids)}
            case _:
                return {item.id for item in await store.find_resources(user_id, cast(ResourceKind, kind), ids=ids)}

    async def _chosen_in(self, chats: Iterable[Chat]) -> dict[str, set[str]]:
        """Return the ids that these chats show, by kind: a practice may be open to users whose content is not."""
        chosen: dict[str, set[str]] = {}
        for chat in chats:
            context = await self._store.context(chat.id)
            for kind, ids in selected_ids(context.chat, context.scenario).items():
                chosen.setdefault(kind, set()).update(ids)
            for text in own_texts(context.chat, context.scenario):
                chosen.setdefault(text.kind, set()).add(text.id)
            questions = list(chosen.get("question", ()))
            chosen.setdefault("option", set()).update(item.id for item in await self._store.options_of(questions))
        return chosen

    async def apply(self, chat: Chat, draft_id: str) -> Chat:
        """Have a chat take on its user's draft, from the next message on; an open call does, too.

        Raises:
            NotFound: unknown draft, or another user's.
            Invalid: the draft is another chat's.
            Conflict: the chat has ended.
            Busy: the process that carries its call cannot be reached; nothing has changed.
        """
        if chat.completed_at is not None:
            raise Conflict(CHAT_ENDED)
        await self._calls.orders.check(chat.user_id, chat.id)
        async with self._turns.setdefault(chat.id, asyncio.Lock()):
            draft = await self._store.draft(chat.user_id, draft_id)
            check_draft_of(draft, chat.id)
            current = await self._store.chat(chat.user_id, chat.id)
            changed = await self._store.configure_chat(chat.id, await self.of(current, draft.state))
            await self.update_call(chat.user_id, chat.id)
            return changed

    async def update_call(self, user_id: str, chat_id: str) -> None:
        """Have an open call on the chat take on the chat's persona, documents and scenario as they are now."""
        await self._calls.orders.take_context(user_id, chat_id)


def check_draft_of(draft: Draft, chat_id: str) -> None:
    """Check that a draft may change this chat: it is this chat's, or no chat's.

    Raises:
        Invalid: it is another chat's.
    """
    if draft.chat_id not in (None, chat_id):
        raise Invalid(
            f"Draft {draft.id} is of chat {draft.chat_id}, and changes no other: save one for this chat, or "
            "one without chat_id."
        )


def _named(name: str, ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else ""
    return f"{name}: {', '.join(ids[:_MOST_NAMED])}{more}"
