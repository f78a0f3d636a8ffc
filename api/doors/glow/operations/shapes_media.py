"""Bodies and replies of what a scenario shows beside its texts: images, videos, flags and departments."""

from pydantic import ConfigDict, Field

from api.doors.glow.operations.shapes import (
    DepartmentItem,
    FlagItem,
    ImageItem,
    Text,
    Url,
    VideoItem,
    WriteBody,
    WriteReply,
)
from api.doors.glow.operations.shapes_content import Found, Name


class NewImage(WriteBody):
    """An image, by its address."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "The form", "url": "https://example.org/form.png"}]}
    )

    name: Name
    description: Text = ""
    url: Url = ""


class NewVideo(NewImage):
    """A video, by its address."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "A tour", "length_seconds": 90}]})

    length_seconds: int | None = Field(default=None, ge=0, le=1_000_000)


class NewFlag(WriteBody):
    """A flag: something that is so, or not, in the chats of a scenario."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "First call", "value": True}]})

    name: Name
    description: Text = ""
    type: str = Field(default="", max_length=200)
    icon: str = Field(default="", max_length=200)
    value: bool = False


class NewDepartment(WriteBody):
    """A department, to which scenarios belong."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Office of the Registrar"}]})

    name: Name
    description: Text = ""


class ImageDetail(ImageItem, WriteReply):
    pass


class VideoDetail(VideoItem, WriteReply):
    pass


class FlagDetail(FlagItem, WriteReply):
    pass


class DepartmentDetail(DepartmentItem, WriteReply):
    pass


class ImagesFound(Found):
    images: list[ImageItem]


class VideosFound(Found):
    videos: list[VideoItem]


class FlagsFound(Found):
    flags: list[FlagItem]


class DepartmentsFound(Found):
    departments: list[DepartmentItem]
