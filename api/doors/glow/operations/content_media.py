"""Content that a scenario shows beside its texts: images, videos, flags and departments."""

from collections.abc import Sequence
from typing import Any

from api.doors.glow.operations.chats import shown
from api.doors.glow.operations.content import page
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

Created = NewImage | NewFlag | NewDepartment


async def image_search(service: Service, user: User, body: SearchBody) -> ImagesFound:
    """Search the images that the user may choose."""
    found = await _found(service, user, "image", body)
    return ImagesFound(total=len(found), images=[shown("image", item) for item in page(found, body)])


async def image_get(service: Service, user: User, body: GetBody) -> ImageDetail:
    """Get an image."""
    return ImageDetail(**await _one(service, user, "image", body))


async def image_create(service: Service, user: User, body: NewImage) -> ImageDetail:
    """Create an image of the user's own, by its address."""
    return ImageDetail(**await _created(service, user, "image", body))


async def video_search(service: Service, user: User, body: SearchBody) -> VideosFound:
    """Search the videos that the user may choose."""
    found = await _found(service, user, "video", body)
    return VideosFound(total=len(found), videos=[shown("video", item) for item in page(found, body)])


async def video_get(service: Service, user: User, body: GetBody) -> VideoDetail:
    """Get a video."""
    return VideoDetail(**await _one(service, user, "video", body))


async def video_create(service: Service, user: User, body: NewVideo) -> VideoDetail:
    """Create a video of the user's own, by its address."""
    return VideoDetail(**await _created(service, user, "video", body))


async def flag_search(service: Service, user: User, body: SearchBody) -> FlagsFound:
    """Search the flags that the user may choose."""
    found = await _found(service, user, "flag", body)
    return FlagsFound(total=len(found), flags=[shown("flag", item) for item in page(found, body)])


async def flag_get(service: Service, user: User, body: GetBody) -> FlagDetail:
    """Get a flag."""
    return FlagDetail(**await _one(service, user, "flag", body))


async def flag_create(service: Service, user: User, body: NewFlag) -> FlagDetail:
    """Create a flag of the user's own."""
    return FlagDetail(**await _created(service, user, "flag", body))


async def department_search(service: Service, user: User, body: SearchBody) -> DepartmentsFound:
    """Search the departments that the user may choose."""
    found = await _found(service, user, "department", body)
    return DepartmentsFound(total=len(found), departments=[shown("department", item) for item in page(found, body)])


async def department_get(service: Service, user: User, body: GetBody) -> DepartmentDetail:
    """Get a department."""
    return DepartmentDetail(**await _one(service, user, "department", body))


async def department_create(service: Service, user: User, body: NewDepartment) -> DepartmentDetail:
    """Create a department of the user's own."""
    return DepartmentDetail(**await _created(service, user, "department", body))


async def _found(service: Service, user: User, kind: ResourceKind, body: SearchBody) -> Sequence[Resource]:
    return await service.store.find_resources(user.id, kind, body.search or "", body.ids)


async def _one(service: Service, user: User, kind: ResourceKind, body: GetBody) -> dict[str, Any]:
    item = found_one(await service.store.find_resources(user.id, kind, ids=[body.id]), kind.capitalize())
    return dict(shown(kind, item).model_dump())


async def _created(service: Service, user: User, kind: ResourceKind, body: Created) -> dict[str, Any]:
    data = body.model_dump(include={"url", "length_seconds", "type", "icon", "value"})
    item = Resource(service.practice.new_id(), kind, body.name, body.description, data, user.id)
    await service.store.install(resources=[item])
    return dict(shown(kind, item).model_dump())
