"""Writes the requested parts of a chat's draft, one after the other, from a few instructions.

A language model writes the texts. Without one the instructions are the texts, by a fixed rule: their first sentence is
the name, all of them the description and the problem statement, each sentence an objective. Personas and documents are
never invented: the words of the instructions search for existing ones.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import Invalid
from models.records.core import Persona
from models.store import Store
from pipeline.chats.events import RunName
from pipeline.conversation.reply import HistoryEntry, ReplyContext, Responder, text_of_reply
from pipeline.practice.progress import REFUSALS, sentence_of
from pipeline.tasks.background import Background

DRAFTED = frozenset({"chat", "attempt"})
"""The artifacts that have drafts."""

NAME_LIMIT = 80
LINKED_LIMIT = 3
OBJECTIVES_LIMIT = 8

STOPPED = "The draft was not written: its token was revoked or has expired, or the service stopped."

_WORD = re.compile(r"[\w'-]{4,}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

_AUTHOR = "You write material for practice conversations. Answer with the text that is asked for, and nothing else."

_ASKED = {
    "name": "a short name for it: one line of at most eight words",
    "description": "a description of it in one or two sentences",
    "problem_statement": "the situation that the learner is in, in two to four sentences",
    "objective": "what the learner should achieve, one objective on each line, at most five",
}

Publish = Callable[[str, Mapping[str, Any]], None]
"""Publishes a stage, "started", "progress", "complete" or "error", with its payload."""

Save = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Saves what was written, by the draft's fields; returns the draft's id."""


@dataclass(frozen=True, slots=True)
class WantedDraft:
    """A request to write a draft.

    Attributes:
        artifact: the kind of thing that it is a draft of.
        kinds: the parts in their order, such as "names" and "personas".
        instructions: its subject.
        artifact_id: the existing thing, if any.
        draft_id: the draft to continue.
        save: whether to create a draft if there is none.
        run_id, group_id: ids of the run; None for new ones.
    """

    artifact: str
    kinds: Sequence[str]
    instructions: Sequence[str] = ()
    artifact_id: str | None = None
    draft_id: str | None = None
    save: bool = False
    run_id: str | None = None
    group_id: str | None = None


class DraftWriting:
    """Writes drafts in the background.

    Args:
        store: keeps personas, documents and drafts.
        responder: the language model.
        background: runs the writing.
        new_id: makes ids of runs.
    """

    def __init__(self, store: Store, responder: Responder, background: Background, new_id: Callable[[], str]) -> None:
        self._store = store
        self._responder = responder
        self._background = background
        self._new_id = new_id

    async def begin(self, user_id: str, wanted: WantedDraft, publish: Publish, save: Save) -> RunName:
        """Begin to write; `publish` gets the progress.

        Raises:
            Invalid: such an artifact has no drafts.
            NotFound: unknown draft, or another user's.
            Busy: too many background tasks are running.
        """
        if wanted.artifact not in DRAFTED:
            raise Invalid(f"Drafts of {wanted.artifact!r} cannot be generated here; ask for one of a chat.")
        if wanted.draft_id is not None:
            await self._store.draft(user_id, wanted.draft_id)
        run = RunName(wanted.run_id or self._new_id(), wanted.group_id or self._new_id())
        work = _Writing(self._store, self._responder, user_id, wanted, run, publish, save)
        self._background.start(f"generation {self._new_id()}", work.run())
        return run


class _Writing:
    """One run: writes the parts in order, then saves the draft."""

    def __init__(
        self,
        store: Store,
        responder: Responder,
        user_id: str,
        wanted: WantedDraft,
        run: RunName,
        publish: Publish,
        save: Save,
    ) -> None:
        self._store = store
        self._responder = responder
        self._user_id = user_id
        self._wanted = wanted
        self._about = {"group_id": run.group_id, "run_id": run.run_id, "artifact_type": wanted.artifact}
        self._sink = publish
        self._save = save
        self._instructions = [text.strip() for text in wanted.instructions if text.strip()]

    async def run(self) -> None:
        """Write everything and publish the progress."""
        kinds = self._wanted.kinds
        self._publish("started", {"resource_types": list(kinds)})
        try:
            made: dict[str, Any] = {}
            for done, kind in enumerate(kinds, 1):
                made |= await self._make(kind.removesuffix("s"))
                self._publish("progress", _progress(done, len(kinds), kind))
            draft_id = await self._kept(made)
        except asyncio.CancelledError:
            self._publish("error", {"success": False, "message": STOPPED})
            raise
        except REFUSALS as error:
            self._publish("error", {"success": False, "message": sentence_of(error)})
            return
        result = {"success": True, "message": f"{len(made)} parts were written.", "resources": made}
        self._publish("complete", result | {"artifact_id": self._wanted.artifact_id or draft_id, "draft_id": draft_id})

    async def _make(self, kind: str) -> dict[str, Any]:
        store, user_id = self._store, self._user_id
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
        if self._responder.name == "scripted" or not said:
            return (_SENTENCE.split(said)[0][:NAME_LIMIT] if kind == "name" else said).strip()
        author = Persona(id="author", name="Author", instructions=_AUTHOR)
        request = f"A practice conversation: {said}\n\nWrite {_ASKED[kind]}."
        context = ReplyContext(author, None, (), (HistoryEntry("user", request),))
        text = (await text_of_reply(self._responder.reply(context))).strip()
        return text.splitlines()[0][:NAME_LIMIT] if kind == "name" and text else text

    async def _found(self, find: Callable[[str], Awaitable[Any]]) -> list[str]:
        words = dict.fromkeys(word.lower() for text in self._instructions for word in _WORD.findall(text))
        hits: dict[str, int] = {}
        for word in list(words)[:50]:
            for item in await find(word):
                hits[item.id] = hits.get(item.id, 0) + 1
        return sorted(hits, key=lambda ident: -hits[ident])[:LINKED_LIMIT]

    async def _kept(self, made: Mapping[str, Any]) -> str | None:
        """Save what was written; return the draft's id, None if none was requested."""
        if not self._wanted.save and self._wanted.draft_id is None:
            return None
        return await self._save({"draft_id": self._wanted.draft_id, **made})

    def _publish(self, stage: str, payload: Mapping[str, Any]) -> None:
        self._sink(stage, {**self._about, **payload})


def _progress(done: int, total: int, kind: str) -> dict[str, Any]:
    return {
        "completed_resources": done,
        "total_resources": total,
        "percentage": round(100 * done / total),
        "last_completed_resource": kind,
    }
