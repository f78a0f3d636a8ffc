"""Values in a request that become the user's own resources."""

from collections.abc import Callable
from dataclasses import dataclass

from models.records.resources import Resource, ResourceKind
from models.store import Store


@dataclass(frozen=True, slots=True)
class OptionValue:
    """An option; `question_id` if it is apart from its question."""

    text: str
    is_correct: bool = False
    question_id: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionValue:
    """A question with its options; `time_s` is the time limit of an answer."""

    text: str
    allow_multiple: bool = False
    time_s: int | None = None
    options: tuple[OptionValue, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaValue:
    """An image or a video."""

    name: str
    description: str = ""
    upload_id: str | None = None
    length_s: int | None = None
    url: str = ""


class Values:
    """The values of one request: each gets its id at once, and all are stored in one write.

    Args:
        user_id: their owner.
        new_id: makes ids.
    """

    def __init__(self, user_id: str, new_id: Callable[[], str]) -> None:
        self._user_id = user_id
        self._new_id = new_id
        self._made: list[Resource] = []

    def text(self, kind: ResourceKind, text: str) -> str:
        """Make a name, description, problem statement or objective; return its id."""
        return self._add(Resource(self._new_id(), kind, text, owner_id=self._user_id))

    def question(self, question: QuestionValue) -> str:
        """Make a question with its options; return the question's id."""
        data = {"allow_multiple": question.allow_multiple, "time": question.time_s}
        question_id = self._add(Resource(self._new_id(), "question", question.text, data=data, owner_id=self._user_id))
        for place, option in enumerate(question.options):
            self.option(option, question_id, place)
        return question_id

    def option(self, option: OptionValue, question_id: str, place: int) -> str:
        """Make an option of a question; return the option's id."""
        data = {"question_id": question_id, "is_correct": option.is_correct, "position": place}
        return self._add(Resource(self._new_id(), "option", option.text, data=data, owner_id=self._user_id))

    def media(self, kind: ResourceKind, media: MediaValue) -> str:
        """Make an image or a video; return its id."""
        data = {"upload_id": media.upload_id, "length_seconds": media.length_s, "url": media.url}
        return self._add(Resource(self._new_id(), kind, media.name, media.description, data, self._user_id))

    async def keep(self, store: Store) -> None:
        """Store them."""
        made, self._made = self._made, []
        if made:
            await store.install(resources=made)

    def _add(self, resource: Resource) -> str:
        self._made.append(resource)
        return resource.id
