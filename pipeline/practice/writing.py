"""What `generate` makes: a persona, a document, a scenario, or a draft of a chat, from a few instructions.

A language model writes it, by the rules of content packs, and chooses what exists among what a search finds. Without
one nothing is invented: the search chooses among what is there, and the result says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from models.errors import Invalid
from models.records.core import Document, Persona, Scenario
from models.records.jobs import Job
from models.store import Store
from pipeline.chats.events import RunName
from pipeline.practice.authoring import Author
from pipeline.practice.content_library import ContentLibrary
from pipeline.practice.making import DRAFTED, PARTS, WRITTEN, ArtifactMaking, Save, WantedContent
from pipeline.practice.own_chats import OwnChats
from pipeline.practice.progress import REFUSALS, sentence_of
from pipeline.tasks.background import Background

Publish = Callable[[str, str, Mapping[str, Any]], None]
"""Publishes, of an artifact, a stage, "started", "progress", "complete" or "error", with its payload."""


class ContentWriting:
    """Generates in the background.

    Args:
        store: keeps the drafts.
        own: finds the chats that drafts are of.
        author: the language model; None where there is none.
        library: finds what is there, and keeps what was made.
        background: runs the writing.
        new_id: makes ids.
    """

    def __init__(
        self,
        *,
        store: Store,
        own: OwnChats,
        author: Author | None,
        library: ContentLibrary,
        background: Background,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._own = own
        self._author = author
        self._library = library
        self._background = background
        self._new_id = new_id

    async def begin(self, user_id: str, wanted: WantedContent, publish: Publish, save: Save) -> RunName:
        """Begin to write; `publish` gets the progress.

        Raises:
            Invalid: no such artifact or part can be generated, or the content is not the user's own.
            NotFound: unknown draft, chat or content, or another user's.
            Busy: too many background tasks are running.
        """
        for artifact in wanted.artifacts:
            if artifact not in DRAFTED | WRITTEN:
                known = ", ".join(sorted(DRAFTED | WRITTEN))
                raise Invalid(f"A {artifact!r} cannot be generated here; ask for one of {known}.")
        kinds = [kind.removesuffix("s") for kind in wanted.kinds]
        if unknown := [kind for kind, part in zip(wanted.kinds, kinds, strict=True) if part not in PARTS]:
            known = ", ".join(f"{part}s" for part in PARTS)
            raise Invalid(f"{', '.join(unknown[:5])} cannot be generated here; the parts are {known}.")
        if wanted.artifact_id is not None and len(wanted.artifacts) > 1:
            raise Invalid("An artifact_id belongs to one artifact: ask for the others without it.")
        if wanted.draft_id is not None:
            await self._store.draft(user_id, wanted.draft_id)
        if wanted.artifact_id is not None:
            await self._check_owned(user_id, wanted.artifacts[0], wanted.artifact_id)
        run = RunName(wanted.run_id or self._new_id(), wanted.group_id or self._new_id())
        about = {"group_id": run.group_id, "run_id": run.run_id, "artifact_type": wanted.artifacts[0]}
        self._background.start(
            f"generation {self._new_id()}",
            self._write(user_id, replace(wanted, kinds=kinds), run, publish, save),
            Job("", "draft", user_id, about=about),
        )
        return run

    async def _check_owned(self, user_id: str, artifact: str, artifact_id: str) -> None:
        if artifact in DRAFTED:
            await self._own.find(user_id, artifact_id)
            return
        item: Persona | Document | Scenario | None
        if artifact == "scenario":
            item = await self._library.scenario(artifact_id)
        else:
            item = await self._library.content(artifact, artifact_id)
        if item is None or item.owner_id != user_id:
            raise Invalid(f"This {artifact} is not your own to write anew: leave artifact_id out to make another one.")

    async def _write(self, user_id: str, wanted: WantedContent, run: RunName, publish: Publish, save: Save) -> None:
        for artifact in wanted.artifacts:
            about = {"group_id": run.group_id, "run_id": run.run_id, "artifact_type": artifact}

            def tell(stage: str, payload: Mapping[str, Any], artifact: str = artifact, about: Any = about) -> None:
                publish(artifact, stage, {**about, **payload})

            work = ArtifactMaking(self._library, self._author, user_id, wanted, artifact, tell, save)
            try:
                await work.run()
            except REFUSALS as error:
                tell("error", {"success": False, "message": sentence_of(error)})
                return
