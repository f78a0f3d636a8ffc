"""Multipart forms, read whole and bounded."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser

from api.doors.openai.door import BadParameter


def is_form(request: Request) -> bool:
    """Return whether a request is a multipart form."""
    return request.headers.get("content-type", "").lower().startswith("multipart/form-data")


@asynccontextmanager
async def form_of(request: Request, field: str, largest_part: int = 1024 * 1024) -> AsyncIterator[FormData]:
    """Read a form, within the block.

    Args:
        field: the one that it needs, as errors name it.
        largest_part: bytes of a field that is no file.

    Raises:
        BadParameter: it is none.
    """
    if not is_form(request):
        raise BadParameter(f"Send a multipart/form-data request, with the field `{field}`.", field)
    body = await request.body()

    async def replay() -> AsyncGenerator[bytes]:
        yield body
        yield b""

    try:
        parser = MultiPartParser(request.headers, replay(), max_files=2, max_fields=50, max_part_size=largest_part)
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise BadParameter(f"This is no multipart form: send the field `{field}` in one.", field) from None
    try:
        yield form
    finally:
        await form.close()
