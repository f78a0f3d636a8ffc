"""Values in a body that become resources of the user's own."""

from api.doors.glow.operations.shapes_chats import NewOption, NewQuestion
from api.doors.glow.operations.shapes_drafts import NewDraftOption, NewMedia
from api.service import Service, new_id
from models.records.core import User
from models.records.resources import Resource, ResourceKind


class Values:
    """The values of one body: each gets its id at once, and all are kept together, in one write."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._made: list[Resource] = []

    def text(self, kind: ResourceKind, text: str) -> str:
        """A name, description, problem statement or objective; returns its id."""
        return self._add(Resource(new_id(), kind, text, owner_id=self._user.id))

    def question(self, question: NewQuestion) -> str:
        """A question with its options; returns the question's id."""
        data = {"allow_multiple": question.allow_multiple, "time": question.time}
        question_id = self._add(
            Resource(new_id(), "question", question.question_text, data=data, owner_id=self._user.id)
        )
        for place, option in enumerate(question.options):
            self.option(option, question_id, place)
        return question_id

    def option(self, option: NewOption | NewDraftOption, question_id: str, place: int) -> str:
        """An option of a question; returns the option's id."""
        data = {"question_id": question_id, "is_correct": option.is_correct, "position": place}
        return self._add(Resource(new_id(), "option", option.option_text, data=data, owner_id=self._user.id))

    def media(self, kind: ResourceKind, media: NewMedia) -> str:
        """An image or a video; returns its id."""
        data = {"upload_id": media.upload_id, "length_seconds": media.length_seconds}
        return self._add(Resource(new_id(), kind, media.name, media.description, data, self._user.id))

    async def keep(self, service: Service) -> None:
        """Store them."""
        if self._made:
            await service.store.install(resources=self._made)
            self._made = []

    def _add(self, resource: Resource) -> str:
        self._made.append(resource)
        return resource.id
