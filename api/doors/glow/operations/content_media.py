"""Content that a scenario shows beside its texts: images, videos, flags and departments, alike but for their fields."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from api.doors.glow.operations.chats import shown
from api.doors.glow.operations.content import page
from api.doors.glow.operations.shapes import Body, Reply
from api.doors.glow.operations.shapes_content import GetBody, SearchBody
from api.doors.glow.operations.shapes_media import (
    DepartmentDetail,
    DepartmentsFound,
    FlagDetail,
    FlagsFound,
    ImageDetail,
    ImagesFound,
    NewDepartment,
    NewFlag,
    NewImage,
    NewVideo,
    VideoDetail,
    VideosFound,
)
from api.service import Service
from models.records.core import User
from models.records.resources import Resource, ResourceKind
from pipeline.practice.content import found_one

Carries = Callable[..., Awaitable[Reply]]
"""Carries an operation out."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the operations on a kind take and return.

    Attributes:
        created: what more is said of a new one.
    """

    kind: ResourceKind
    new: type[Body]
    detail: type[Reply]
    found: type[Reply]
    created: str


def _operations(shape: _Shape) -> tuple[Carries, Carries, Carries]:
    """Make the operations that search, get and create one kind, with the types that the doors read."""
    kind = shape.kind

    async def search(service: Service, user: User, body: SearchBody) -> Reply:
        found = await service.store.find_resources(user.id, kind, body.search or "", body.ids)
        items = [shown(kind, item) for item in page(found, body)]
        return shape.found.model_validate({"total": len(found), f"{kind}s": items})

    async def get(service: Service, user: User, body: GetBody) -> Reply:
        item = found_one(await service.store.find_resources(user.id, kind, ids=[body.id]), kind.capitalize())
        return _detail(item)

    async def create(service: Service, user: User, body: Any) -> Reply:
        data = body.model_dump(include={"url", "length_seconds", "type", "icon", "value"})
        item = Resource(service.practice.new_id(), kind, body.name, body.description, data, user.id)
        await service.store.install(resources=[item])
        return _detail(item)

    def _detail(item: Resource) -> Reply:
        return shape.detail.model_validate(shown(kind, item).model_dump())

    article = "an" if kind[0] in "aeiou" else "a"
    search.__doc__ = f"Search the {kind}s that the user may choose."
    get.__doc__ = f"Get {article} {kind}."
    create.__doc__ = f"Create {article} {kind} of the user's own{shape.created}."
    search.__annotations__["return"] = shape.found
    get.__annotations__["return"] = create.__annotations__["return"] = shape.detail
    create.__annotations__["body"] = shape.new
    return search, get, create


_BY_ADDRESS = ", by its address"

image_search, image_get, image_create = _operations(_Shape("image", NewImage, ImageDetail, ImagesFound, _BY_ADDRESS))
video_search, video_get, video_create = _operations(_Shape("video", NewVideo, VideoDetail, VideosFound, _BY_ADDRESS))
flag_search, flag_get, flag_create = _operations(_Shape("flag", NewFlag, FlagDetail, FlagsFound, ""))
department_search, department_get, department_create = _operations(
    _Shape("department", NewDepartment, DepartmentDetail, DepartmentsFound, "")
)
