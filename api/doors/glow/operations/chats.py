"""chat_get, chat_create, chat_complete and chat_refresh."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from api.doors.glow.operations.common import required, timer
from api.doors.glow.operations.message_data import message_data
from api.doors.glow.operations.selection import configuration_of, own_texts, selected_ids
from api.doors.glow.operations.shapes import (
    DepartmentItem,
    DescriptionItem,
    DocumentItem,
    FlagItem,
    ImageItem,
    NameItem,
    ObjectiveItem,
    OptionItem,
    ParameterFieldItem,
    ParameterItem,
    PersonaItem,
    ProblemStatementItem,
    QuestionItem,
    ScenarioItem,
    VideoItem,
)
from api.doors.glow.operations.shapes_chats import (
    ChatCompleteBody,
    ChatCompleteReply,
    ChatCreateBody,
    ChatCreateReply,
    ChatGetBody,
    ChatGetReply,
    ChatRefreshBody,
    ChatRefreshReply,
    SectionFilter,
)
from api.doors.glow.operations.writing import Values
from api.service import Service
from models.errors import Conflict
from models.records.core import Document, Persona, Scenario, User
from models.records.resources import Resource, ResourceKind, derived_id
from pipeline.chats.events import ChatRoom
from pipeline.practice.timing import time_of

VIEWS = ["chat_mv", "chat_drafts_mv"]

Item = TypeVar("Item")
Record = Persona | Document | Scenario | Resource

# How each kind of resource is shown, in the order of the reply; the item's class and where its words go.
_SHOWN: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "name": lambda item, flags: NameItem(id=item.id, name=item.name, **flags),
    "description": lambda item, flags: DescriptionItem(id=item.id, description=item.name, **flags),
    "problem_statement": lambda item, flags: ProblemStatementItem(id=item.id, problem_statement=item.name, **flags),
    "objective": lambda item, flags: ObjectiveItem(id=item.id, objective=item.name, **flags),
    "persona": lambda item, flags: PersonaItem(
        persona_id=item.id, name=item.name, description=item.description, icon=item.icon, color=item.color, **flags
    ),
    "document": lambda item, flags: DocumentItem(
        document_id=item.id, name=item.name, description=item.description, text_id=item.id, **flags
    ),
    "scenario": lambda item, flags: ScenarioItem(
        scenario_id=item.id, name=item.name, description=item.description, **flags
    ),
    "parameter": lambda item, flags: ParameterItem(
        parameter_id=item.id, name=item.name, description=item.description, **flags
    ),
    "parameter_field": lambda item, flags: ParameterFieldItem(
        id=item.id,
        field_id=item.id,
        parameter_id=item.data.get("parameter_id", ""),
        name=item.name,
        parameter_name=item.data.get("parameter_name", ""),
        **flags,
    ),
    "question": lambda item, flags: QuestionItem(
        question_id=item.id,
        question_text=item.name,
        allow_multiple=bool(item.data.get("allow_multiple")),
        time=item.data.get("time"),
        **flags,
    ),
    "option": lambda item, flags: OptionItem(
        option_id=item.id, option_text=item.name, question_id=item.data.get("question_id", ""), **flags
    ),
    "image": lambda item, flags: ImageItem(image_id=item.id, name=item.name, description=item.description, **flags),
    "video": lambda item, flags: VideoItem(
        video_id=item.id,
        name=item.name,
        description=item.description,
        length_seconds=item.data.get("length_seconds"),
        **flags,
    ),
    "flag": lambda item, flags: FlagItem(
        id=item.id,
        name=item.name,
        description=item.description,
        type=item.data.get("type", ""),
        icon=item.data.get("icon", ""),
        value=bool(item.data.get("value")),
        **flags,
    ),
    "department": lambda item, flags: DepartmentItem(id=item.id, name=item.name, **flags),
}


def shown(kind: str, item: Any) -> Any:
    """A resource outside any chat, as the class of its kind."""
    return _SHOWN[kind](item, {"selected": False})


async def chat_get(service: Service, user: User, body: ChatGetBody) -> ChatGetReply:
    """A chat with everything about it: its resources hydrated and narrowed, its time, its messages."""
    chat_id = required(body.chat_entry_id, "chat_entry_id is required")
    store = service.store
    chat = await service.practice.own.find(user.id, chat_id, body.attempt_id)
    context = await store.context(chat_id)
    draft = await store.draft(user.id, body.draft_id) if body.draft_id else None
    if draft is not None:
        chat = replace(chat, configuration={**chat.configuration, **await configuration_of(service, draft.state)})
    attempt = await store.attempt(user.id, chat.attempt_id)
    simulation = await store.simulation(attempt.simulation_id)
    notes = await store.notes([chat_id], "hint", "feedback")
    calls = service.calls.find(user.id, chat_id=chat_id)
    time = time_of(chat, attempt, simulation, store.now())

    reply = ChatGetReply(
        actor_name=user.name,
        can_edit=chat.completed_at is None and not time.expired,
        disabled_reason="The chat is completed."
        if chat.completed_at
        else "The time for this chat is up."
        if time.expired
        else None,
        group_id=calls.session.group_id if calls else None,
        show_ai_generate=chat.completed_at is None,
        simulation_name=simulation.name,
        chat_entry_id=chat.id,
        chat_id=chat.id,
        attempt_id=chat.attempt_id,
        draft_id=draft.id if draft else None,
        draft_version=draft.version if draft else None,
        timer=timer(time),
        messages=message_data(context.messages, notes, context.personas, user.name),
    )
    scenario = context.scenario
    if draft is not None and scenario is not None:
        own = chat.configuration
        texts = {key: own[key] for key in ("description", "problem_statement") if key in own}
        scenario = replace(scenario, **texts)
        if "objectives" in chat.configuration:
            scenario = replace(scenario, objectives=tuple(chat.configuration["objectives"]))
    answered = {response.question_id for response in await store.responses(chat_id)}
    await _Sections(service, user, body, reply, answered).fill(
        own_texts(chat, scenario), selected_ids(chat, scenario), context.personas, context.documents, scenario
    )
    return reply


class _Sections:
    """Fills the resource lists of a reply, one section after the other."""

    def __init__(
        self, service: Service, user: User, body: ChatGetBody, reply: ChatGetReply, answered: set[str]
    ) -> None:
        self._store = service.store
        self._user = user
        self._body = body
        self._reply = reply
        self._answered = answered

    async def fill(
        self,
        texts: Sequence[Resource],
        chosen: dict[str, list[str]],
        personas: Sequence[Persona],
        documents: Sequence[Document],
        scenario: Scenario | None,
    ) -> None:
        store, user_id = self._store, self._user.id
        for kind in ("name", "description", "problem_statement", "objective"):
            await self._resources(kind, [item for item in texts if item.kind == kind])
        by_id = {item.id: item for item in personas}
        others = {item.id: item for item in await store.find_personas(user_id, ids=chosen["persona"])}
        await self._section(
            "persona",
            [(by_id | others)[ident] for ident in chosen["persona"] if ident in by_id or ident in others],
            lambda search: store.find_personas(user_id, search),
        )
        papers = {item.id: item for item in documents}
        more = {item.id: item for item in await store.find_documents(user_id, ids=chosen["document"])}
        search = self._filter("document").search
        hits = set(await store.document_snippets(search)) if search else set()
        await self._section(
            "document",
            [(papers | more)[ident] for ident in chosen["document"] if ident in papers or ident in more],
            lambda words: store.find_documents(user_id, words),
            hits,
        )
        own = [scenario] if scenario is not None and scenario.id else []
        await self._section("scenario", own, lambda words: store.find_scenarios(user_id, words))

        fields = await store.resources(chosen["parameter_field"])
        wanted = self._filter("parameter_field").parameter_ids
        await self._resources(
            "parameter_field", [item for item in fields if not wanted or item.data.get("parameter_id") in wanted]
        )
        parameter_ids = list(dict.fromkeys(str(item.data.get("parameter_id", "")) for item in fields))
        await self._resources("parameter", await store.resources(parameter_ids))
        await self._resources("question", await store.resources(chosen["question"]))
        options = await store.options_of(chosen["question"])
        if chosen["option"]:
            options = [item for item in options if item.id in chosen["option"]] or options
        await self._resources("option", options)
        for option in self._reply.options:
            if option.question_id in self._answered:
                option.is_correct = next(bool(x.data.get("is_correct")) for x in options if x.id == option.option_id)
        for kind in ("image", "video", "flag", "department"):
            await self._resources(kind, await store.resources(chosen[kind]))

    async def _resources(self, kind: str, selected: Sequence[Resource]) -> None:
        async def find(search: str) -> Sequence[Record]:
            if kind == "option":
                return selected  # options belong to their questions; those of others are nobody's choice
            return await self._store.find_resources(self._user.id, _kind(kind), search)

        await self._section(kind, selected, find)

    async def _section(
        self, kind: str, selected: Sequence[Record], find: Callable[[str], Any], hits: set[str] | None = None
    ) -> None:
        wanted = self._filter(kind)
        setattr(self._reply, f"{kind}_ids", [item.id for item in selected])
        if wanted.include is False:
            return
        words = (wanted.search or "").lower().split()
        shown: list[tuple[Record, bool]] = [
            (item, True) for item in selected if (hits and item.id in hits) or _has(item, words)
        ]
        if wanted.selected is False:
            there = {item.id for item in selected}
            shown += [(item, False) for item in await find(wanted.search or "") if item.id not in there]
        if wanted.suggested is True:
            shown = [(item, chosen) for item, chosen in shown if not chosen]
        shown = shown[: wanted.limit] if wanted.limit is not None else shown
        items = [_SHOWN[kind](item, {"selected": chosen, "suggested": not chosen}) for item, chosen in shown]
        setattr(self._reply, f"{kind}s", items)

    def _filter(self, kind: str) -> SectionFilter:
        """The section's object, over which the flat filters win."""
        nested: SectionFilter = getattr(self._body, f"{kind}s", None) or SectionFilter()
        search = getattr(self._body, f"{kind}_search", None)
        selected = getattr(self._body, f"{kind}_show_selected", None)
        changes = {"search": search, "selected": selected}
        return nested.model_copy(update={key: value for key, value in changes.items() if value is not None})


async def chat_create(service: Service, user: User, body: ChatCreateBody) -> ChatCreateReply:
    """Add a chat to an attempt, for tooling: values make resources, ids choose them."""
    store = service.store
    attempt = await store.attempt(user.id, body.attempt_id)
    if attempt.ended_at is not None:
        raise Conflict("This attempt has ended: start another one.")
    source = await service.practice.own.find(user.id, body.chat_id) if body.chat_id else attempt.chats[0]
    if body.previous_attempt_chat_id is not None:
        await store.chat(user.id, body.previous_attempt_chat_id)
    state: dict[str, Any] = {}
    values = Values(user)
    if body.draft_id is not None:
        state |= (await store.draft(user.id, body.draft_id)).state
    kinds: tuple[ResourceKind, ...] = ("name", "description", "problem_statement")
    for kind in kinds:
        if (text := getattr(body, kind)) is not None:
            state[f"{kind}_id"] = values.text(kind, text)
        elif (ident := getattr(body, f"{kind}_id")) is not None:
            state[f"{kind}_id"] = ident
    if body.objectives is not None or body.objectives_ids is not None:
        made = [values.text("objective", text) for text in body.objectives or []]
        state["objective_ids"] = [*(body.objectives_ids or []), *made]
    if body.questions is not None or body.questions_ids is not None:
        made = [values.question(question) for question in body.questions or []]
        state["question_ids"] = [*(body.questions_ids or []), *made]
    given = {
        "persona_ids": body.personas,
        "document_ids": body.documents,
        "parameter_field_ids": body.parameter_fields,
        "option_ids": body.options_ids,
        "image_ids": [body.image_id] if body.image_id else None,
        "video_ids": [body.video_id] if body.video_id else None,
    }
    state |= {key: ids for key, ids in given.items() if ids is not None}
    await values.keep(service)
    await check_choices(service, user, state)
    configuration = await configuration_of(service, state)
    chat = await store.add_chat(
        user.id,
        attempt.id,
        scenario_id=source.scenario_id,
        name=configuration.get("name") or source.name,
        configuration=configuration,
        previous_chat_id=body.previous_attempt_chat_id,
    )
    return ChatCreateReply(attempt_chat_id=chat.id, chat_id=chat.id)


async def check_choices(service: Service, user: User, state: dict[str, Any]) -> None:
    """Personas and documents are chosen only from those that the user may see; unknown ids are left out."""
    if state.get("persona_ids"):
        seen = {item.id for item in await service.store.find_personas(user.id, ids=state["persona_ids"])}
        state["persona_ids"] = [ident for ident in state["persona_ids"] if ident in seen]
    if state.get("document_ids"):
        seen = {item.id for item in await service.store.find_documents(user.id, ids=state["document_ids"])}
        state["document_ids"] = [ident for ident in state["document_ids"] if ident in seen]


async def chat_complete(service: Service, user: User, body: ChatCompleteBody) -> ChatCompleteReply:
    """Mark a chat completed; what is being written in it is stopped, and its call ends."""
    await service.practice.own.find(user.id, body.chat_id)
    await end_conversation(service, user, body.chat_id)
    chat = await service.store.complete_chat(body.chat_id, body.message)
    ChatRoom(service.rooms, chat.id, user.id).tell("attempt_chat_ended", {"is_attempt_finished": None})
    return ChatCompleteReply(completion_id=derived_id(chat.id, "completion"), chat_id=chat.id)


async def end_conversation(service: Service, user: User, chat_id: str) -> None:
    """Stop the reply that is being written and end the call, if there is one."""
    await service.chats.stop(user.id, chat_id=chat_id)
    call = service.calls.find(user.id, chat_id=chat_id)
    if call is not None:
        call.session.hang_up()
        await call.session.finished()


async def chat_refresh(_service: Service, _user: User, body: ChatRefreshBody) -> ChatRefreshReply:
    """Bring views up to date. Ours always are: what is asked for is confirmed, and clients are told to read again."""
    targets = [target for target in body.targets or VIEWS if target in VIEWS]
    return ChatRefreshReply(refreshed_views=targets, invalidated_tags=["chat", "chat_drafts"])


def _kind(kind: str) -> ResourceKind:
    kinds: dict[str, ResourceKind] = {
        "name": "name",
        "description": "description",
        "problem_statement": "problem_statement",
        "objective": "objective",
        "question": "question",
        "option": "option",
        "image": "image",
        "video": "video",
        "flag": "flag",
        "department": "department",
        "parameter": "parameter",
        "parameter_field": "parameter_field",
    }
    return kinds[kind]


def _has(item: Record, words: Sequence[str]) -> bool:
    text = f"{item.name} {item.description}".lower()
    return all(word in text for word in words)
