"""`generate`: write the parts of a chat's draft that are asked for, one after the other, from a few instructions.

A language model writes the texts. Without one the instructions are the text, by a stated rule: their first sentence is
the name, all of them the description and the problem statement, each sentence an objective. Personas and documents are
never made up: those are linked that the words of the instructions find.

Source: the wire page, event 3.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.doors.glow.operations.performing import REFUSALS
from api.doors.glow.operations.shapes import LONGEST_LIST, Body, Id, Text
from api.doors.glow.socketio.events import Asker, Payload
from api.doors.glow.socketio.operations import carry_out
from api.service import new_id
from models.errors import Invalid
from models.records.core import Persona
from pipeline.conversation.reply import Line, ReplyContext

DRAFTED = frozenset({"chat", "attempt"})
"""What has drafts here."""

NAME_LIMIT = 80
LINKED_LIMIT = 3
OBJECTIVES_LIMIT = 8

_WORD = re.compile(r"[\w'-]{4,}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

_AUTHOR = "You write material for practice conversations. Answer with the text that is asked for, and nothing else."

_ASKED = {
    "name": "a short name for it: one line of at most eight words",
    "description": "a description of it in one or two sentences",
    "problem_statement": "the situation that the learner is in, in two to four sentences",
    "objective": "what the learner should achieve, one objective on each line, at most five",
}


class _Item(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ArtifactTypeItem(_Item):
    name: Id
    operation: Literal["get", "list", "duplicate", "delete", "draft", "save", "docs", "export", "refresh"] = "draft"


class ResourceTypeItem(_Item):
    name: Id
    operation: Literal["get", "create", "link", "search", "docs"] = "create"


class EntryTypeItem(_Item):
    name: Id
    operation: Literal["get", "search", "docs", "create", "refresh"] = "get"


class GenerateBody(Body):
    """What to write a draft of."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "artifact_types": [{"name": "chat", "operation": "draft"}],
                    "resource_types": ["names", "descriptions", {"name": "personas", "operation": "link"}],
                    "user_instructions": ["A parent asks for their son's grades."],
                    "save": True,
                }
            ]
        }
    )

    artifact_types: list[ArtifactTypeItem] = Field(min_length=1, max_length=LONGEST_LIST)
    artifact_id: str | None = Field(default=None, max_length=200)
    draft_id: str | None = Field(default=None, max_length=200)
    resource_types: list[ResourceTypeItem | Id] = Field(max_length=LONGEST_LIST)
    entry_types: list[EntryTypeItem] | None = Field(default=None, max_length=LONGEST_LIST)
    user_instructions: list[Text] | None = Field(default=None, max_length=LONGEST_LIST)
    save: bool = False
    run_id: str | None = Field(default=None, max_length=200)
    group_id: str | None = Field(default=None, max_length=200)
    modality: Literal["call", "audio"] = "call"
    extra_messages: list[dict[str, Any]] | None = Field(default=None, max_length=LONGEST_LIST)
    metadata: dict[str, Any] | None = None


async def generate(asker: Asker, body: GenerateBody) -> Payload:
    """Begin to write; progress is told in events."""
    artifact = body.artifact_types[0].name
    if artifact not in DRAFTED:
        raise Invalid(f"Drafts of {artifact!r} cannot be generated here; ask for one of a chat.")
    if body.draft_id is not None:
        await asker.service.store.draft(asker.user.id, body.draft_id)
    run_id, group_id = body.run_id or new_id(), body.group_id or new_id()
    work = _Writing(asker, body, artifact, run_id, group_id)
    asker.service.background.start(f"generation {new_id()}", work.run())
    return {"group_id": group_id, "run_id": run_id, "success": True}


class _Writing:
    """One run: the resources in order, then the draft."""

    def __init__(self, asker: Asker, body: GenerateBody, artifact: str, run_id: str, group_id: str) -> None:
        self._asker = asker
        self._body = body
        self._artifact = artifact
        self._about: Payload = {"group_id": group_id, "run_id": run_id, "artifact_type": artifact}
        self._instructions = [text.strip() for text in body.user_instructions or [] if text.strip()]
        self._kinds = [kind if isinstance(kind, str) else kind.name for kind in body.resource_types]

    async def run(self) -> None:
        """Write everything and tell how far it is."""
        self._tell("started", {"resource_types": self._kinds})
        try:
            made: dict[str, Any] = {}
            for done, kind in enumerate(self._kinds, 1):
                made |= await self._make(kind.removesuffix("s"))
                self._tell("progress", self._progress(done, kind))
            draft_id = await self._kept(made)
        except REFUSALS as error:
            self._tell("error", {"success": False, "message": str(error)})
            return
        told = {"success": True, "message": f"{len(made)} parts were written.", "resources": made}
        self._tell("complete", told | {"artifact_id": self._body.artifact_id or draft_id, "draft_id": draft_id})

    async def _make(self, kind: str) -> dict[str, Any]:
        store, user_id = self._asker.service.store, self._asker.user.id
        match kind:
            case "name" | "description" | "problem_statement":
                text = await self._text(kind)
                return {kind: text} if text else {}
            case "objective":
                lines = [line.strip(" -*•\t") for line in _SENTENCE.split(await self._text(kind))]
                return {"objectives": [line for line in lines if line][:OBJECTIVES_LIMIT]}
            case "persona":
                return {"persona_ids": await self._found(lambda word: store.find_personas(user_id, word))}
            case "document":
                return {"document_ids": await self._found(lambda word: store.find_documents(user_id, word))}
            case _:
                return {}

    async def _text(self, kind: str) -> str:
        said = " ".join(self._instructions)
        responder = self._asker.service.engines.responder
        if responder.name == "scripted" or not said:
            return (_SENTENCE.split(said)[0][:NAME_LIMIT] if kind == "name" else said).strip()
        author = Persona(
            id="author",
            name="Author",
            instructions=_AUTHOR,
        )
        request = f"A practice conversation: {said}\n\nWrite {_ASKED[kind]}."
        context = ReplyContext(author, None, (), (Line("user", request),))
        text = "".join([delta async for delta in responder.reply(context)]).strip()
        return text.splitlines()[0][:NAME_LIMIT] if kind == "name" and text else text

    async def _found(self, find: Callable[[str], Awaitable[Any]]) -> list[str]:
        words = dict.fromkeys(word.lower() for text in self._instructions for word in _WORD.findall(text))
        hits: dict[str, int] = {}
        for word in list(words)[:50]:
            for item in await find(word):
                hits[item.id] = hits.get(item.id, 0) + 1
        return sorted(hits, key=lambda ident: -hits[ident])[:LINKED_LIMIT]

    async def _kept(self, made: dict[str, Any]) -> str | None:
        """The draft that holds it, where one is asked for."""
        if not self._body.save and self._body.draft_id is None:
            return None
        draft = {"draft_id": self._body.draft_id, **made}
        return str((await carry_out(self._asker, "attempt.chat_draft", draft))["draft_id"])

    def _progress(self, done: int, kind: str) -> Payload:
        total = len(self._kinds)
        return {
            "completed_resources": done,
            "total_resources": total,
            "percentage": round(100 * done / total),
            "last_completed_resource": kind,
        }

    def _tell(self, stage: str, payload: Payload) -> None:
        self._asker.tell(f"{self._artifact}_generation_{stage}", self._about | payload)
