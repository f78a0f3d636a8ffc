"""Values in a body that become resources of the user's own."""

from api.operations.shapes_chats import NewQuestion
from api.operations.shapes_drafts import NewMedia
from api.service import Service, new_id
from models.records import User
from models.resources import Resource, ResourceKind


async def make_text(service: Service, user: User, kind: ResourceKind, text: str) -> str:
    """A name, description, problem statement or objective; returns its id."""
    resource = Resource(new_id(), kind, text, owner_id=user.id)
    await service.store.install(resources=[resource])
    return resource.id


async def make_question(service: Service, user: User, question: NewQuestion) -> str:
    """A question with its options; returns the question's id."""
    question_id = new_id()
    options = [
        Resource(
            new_id(),
            "option",
            option.option_text,
            data={"question_id": question_id, "is_correct": option.is_correct, "position": place},
            owner_id=user.id,
        )
        for place, option in enumerate(question.options)
    ]
    data = {"allow_multiple": question.allow_multiple, "time": question.time}
    asked = Resource(question_id, "question", question.question_text, data=data, owner_id=user.id)
    await service.store.install(resources=[asked, *options])
    return question_id


async def make_media(service: Service, user: User, kind: ResourceKind, media: NewMedia) -> str:
    """An image or a video; returns its id."""
    data = {"upload_id": media.upload_id, "length_seconds": media.length_seconds}
    resource = Resource(new_id(), kind, media.name, media.description, data, user.id)
    await service.store.install(resources=[resource])
    return resource.id
