"""The sections of a chat: the selected and the available resources of each kind, filtered."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from models.records.core import ChatContext, Document, Persona, Scenario
from models.records.resources import Resource, ResourceKind, one_of_each_parameter
from models.store import Store
from pipeline.practice.selection import own_texts, selected_ids

Record = Persona | Document | Scenario | Resource

KINDS = (
    *("name", "description", "problem_statement", "objective", "persona", "document", "scenario"),
    *("parameter_field", "parameter", "question", "option", "image", "video", "flag", "department"),
)
"""Every kind that has a section."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The filter of one section.

    Attributes:
        search: show only what contains these words.
        limit: the most that is shown.
        selected: False to show what is available, too.
        suggested: True to show only what is available and not selected.
        include: False to show nothing.
        parameter_ids: show only the fields of these parameters; all if empty.
    """

    search: str = ""
    limit: int | None = None
    selected: bool | None = None
    suggested: bool | None = None
    include: bool | None = None
    parameter_ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChatSection:
    """One section.

    Attributes:
        ids: all selected resources.
        shown: the resources that are shown, and whether each is selected.
        revealed: the ids of shown options whose correctness the learner may know.
    """

    ids: tuple[str, ...] = ()
    shown: tuple[tuple[Record, bool], ...] = ()
    revealed: Mapping[str, bool] | None = None


async def sections_of(
    store: Store, user_id: str, context: ChatContext, narrowed: Mapping[str, Narrowing]
) -> dict[str, ChatSection]:
    """Return the sections of a chat by kind.

    Args:
        context: the chat and its scenario as they are shown.
        narrowed: the filter of each section, by kind; an omitted section shows everything selected.
    """
    return await _Filling(store, user_id, context, narrowed).all()


class _Filling:
    """Fills the sections of one chat, one after the other."""

    def __init__(self, store: Store, user_id: str, context: ChatContext, narrowed: Mapping[str, Narrowing]) -> None:
        self._store = store
        self._user_id = user_id
        self._context = context
        self._narrowed = narrowed
        self._chosen = selected_ids(context.chat, context.scenario)
        self._filled: dict[str, ChatSection] = {}

    async def all(self) -> dict[str, ChatSection]:
        """Fill every section."""
        store, chosen = self._store, self._chosen
        texts = own_texts(self._context.chat, self._context.scenario)
        for kind in ("name", "description", "problem_statement", "objective"):
            await self._resources(kind, [item for item in texts if item.kind == kind])
        await self._people_and_papers()
        await self._parameters()
        await self._resources("question", await store.resources(chosen["question"]))
        await self._options()
        for kind in ("image", "video", "flag", "department"):
            await self._resources(kind, await store.resources(chosen[kind]))
        return self._filled

    async def _people_and_papers(self) -> None:
        store, user_id, chosen = self._store, self._user_id, self._chosen
        personas = {item.id: item for item in self._context.personas}
        personas |= {item.id: item for item in await store.find_personas(user_id, ids=chosen["persona"])}
        await self._section(
            "persona",
            [personas[ident] for ident in chosen["persona"] if ident in personas],
            lambda words: store.find_personas(user_id, words),
        )
        documents = {item.id: item for item in self._context.documents}
        documents |= {item.id: item for item in await store.find_documents(user_id, ids=chosen["document"])}
        search = self._of("document").search
        await self._section(
            "document",
            [documents[ident] for ident in chosen["document"] if ident in documents],
            lambda words: store.find_documents(user_id, words),
            hits=set(await store.document_snippets(search)) if search else set(),
        )
        scenario = self._context.scenario
        own = [scenario] if scenario is not None and scenario.id else []
        await self._section("scenario", own, lambda words: store.find_scenarios(user_id, words))

    async def _parameters(self) -> None:
        fields = one_of_each_parameter(await self._store.resources(self._chosen["parameter_field"]))
        wanted = self._of("parameter_field").parameter_ids
        of_wanted = [item for item in fields if not wanted or item.data.get("parameter_id") in wanted]
        await self._resources("parameter_field", of_wanted)
        parameter_ids = list(dict.fromkeys(str(item.data.get("parameter_id", "")) for item in fields))
        await self._resources("parameter", await self._store.resources(parameter_ids))

    async def _options(self) -> None:
        """Fill the options, of the shown questions alone; correctness is revealed once a question was answered."""
        options = await self._store.options_of(self._chosen["question"])
        if self._chosen["option"]:
            options = [item for item in options if item.id in self._chosen["option"]] or options
        answered = {response.question_id for response in await self._store.responses(self._context.chat.id)}
        revealed = {
            item.id: bool(item.data.get("is_correct")) for item in options if item.data.get("question_id") in answered
        }
        await self._resources("option", options, revealed)
        if self._of("question").include is not False:
            asked = {item.id for item, _ in self._filled["question"].shown}
            whole = self._filled["option"]
            shown = tuple(pair for pair in whole.shown if _question_of(pair[0]) in asked)
            self._filled["option"] = replace(whole, shown=shown)

    async def _resources(
        self, kind: str, selected: Sequence[Resource], revealed: Mapping[str, bool] | None = None
    ) -> None:
        async def find(search: str) -> Sequence[Record]:
            if kind == "option":
                return selected  # options belong to their questions: no others are available
            return await self._store.find_resources(self._user_id, cast(ResourceKind, kind), search)

        await self._section(kind, selected, find, revealed=revealed)

    async def _section(
        self,
        kind: str,
        selected: Sequence[Record],
        find: Callable[[str], Awaitable[Sequence[Any]]],
        *,
        hits: Collection[str] = (),
        revealed: Mapping[str, bool] | None = None,
    ) -> None:
        ids, narrowing = tuple(item.id for item in selected), self._of(kind)
        if narrowing.include is False:
            self._filled[kind] = ChatSection(ids)
            return
        words = narrowing.search.lower().split()
        shown: list[tuple[Record, bool]] = [(item, True) for item in selected if item.id in hits or _has(item, words)]
        if narrowing.selected is False:
            shown += [(item, False) for item in await find(narrowing.search) if item.id not in ids]
        if narrowing.suggested is True:
            shown = [(item, chosen) for item, chosen in shown if not chosen]
        self._filled[kind] = ChatSection(ids, tuple(shown[: narrowing.limit]), revealed)

    def _of(self, kind: str) -> Narrowing:
        return self._narrowed.get(kind, Narrowing())


def _question_of(option: Record) -> str:
    return str(option.data.get("question_id", "")) if isinstance(option, Resource) else ""


def _has(item: Record, words: Sequence[str]) -> bool:
    text = f"{item.name} {item.description}".lower()
    return all(word in text for word in words)
