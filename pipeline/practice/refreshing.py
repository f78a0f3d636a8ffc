"""What a client sees is made anew: content that has changed on disk is read again, and open calls take it on."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from models.errors import Invalid, NotFound
from pipeline.call.registry import Calls
from pipeline.practice.configuring import Configurations
from pipeline.practice.installed_packs import ChangedRecord, InstalledPacks
from pipeline.tutoring.installed_lessons import InstalledLessons, RereadLessons

OWN_VIEWS = ("chat_mv", "chat_drafts_mv")
"""Views of what users make; they are read from the store each time, and so are always up to date."""

CONTENT_VIEWS = tuple(
    f"{kind}_mv"
    for kind in (
        *("persona", "document", "scenario", "simulation", "practice", "question", "option", "parameter"),
        *("parameter_field", "rubric", "cohort", "benchmark", "image", "video", "flag", "department", "lesson"),
    )
)
"""Views of content, by its kind."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh has done.

    Attributes:
        views: the views that are new: of the requested ones the users' own, and those whose content has changed.
        changed: the content that was read again.
        problems: of packs and lessons that could not be read, and stay as they were.
    """

    views: tuple[str, ...]
    changed: tuple[ChangedRecord, ...]
    problems: tuple[str, ...]


class Refreshing:
    """Refreshes views.

    Args:
        packs, lessons: the content on disk; no lessons without a tutor.
        configurations, calls: have open calls take on what has changed.
    """

    def __init__(
        self, packs: InstalledPacks, lessons: InstalledLessons | None, configurations: Configurations, calls: Calls
    ) -> None:
        self._packs = packs
        self._lessons = lessons
        self._configurations = configurations
        self._calls = calls

    async def refresh(self, targets: Sequence[str] = ()) -> Refreshed:
        """Read again what has changed on disk, and say which views are new.

        Args:
            targets: the views that are asked about; all if empty.

        Raises:
            Invalid: there is no such view; the message names it, and those that there are.
        """
        if unknown := [target for target in targets if target not in (*OWN_VIEWS, *CONTENT_VIEWS)]:
            known = ", ".join((*OWN_VIEWS, *CONTENT_VIEWS))
            raise Invalid(f"There is no view {', '.join(unknown[:5])}; the views are {known}.")
        wanted: Collection[str] = targets or (*OWN_VIEWS, *CONTENT_VIEWS)
        changed, problems = await self.reread()
        if self._calls.neighbours is not None:
            await self._calls.neighbours.refresh()
        kinds = {f"{record.kind}_mv" for record in changed}
        views = tuple(view for view in (*OWN_VIEWS, *CONTENT_VIEWS) if view in wanted and view in (*OWN_VIEWS, *kinds))
        return Refreshed(views, changed, problems)

    async def reread(self) -> tuple[tuple[ChangedRecord, ...], tuple[str, ...]]:
        """Read again what has changed on disk, for this process alone; return it, and the problems of the rest."""
        reread = await self._packs.reread()
        lessons = await self._lessons.reread() if self._lessons is not None else RereadLessons()
        taught = tuple(ChangedRecord("lesson", lesson.slug, lesson.title) for lesson in lessons.changed)
        if reread.changed:
            for call in self._calls.open_calls():
                with suppress(NotFound):  # a call on a chat of another source
                    await self._configurations.update_call(call.user_id, call.session.conversation.chat_id)
        return (*reread.changed, *taught), (*reread.problems, *lessons.problems)
