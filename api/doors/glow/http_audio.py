"""`POST /attempt/audio_upload` (multipart) and `POST /attempt/audio_download` (with ranges)."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.auth import having
from api.doors.glow.http import REFUSED, service_of
from api.doors.glow.operations.audio import byte_range, uploaded
from api.doors.glow.operations.shapes_chats import AudioDownloadBody, AudioUploadReply
from api.doors.guarded import GuardedRoute
from models.errors import Invalid, TooLarge
from models.records.core import Grant
from pipeline.practice.uploads import UPLOAD_LIMIT

router = APIRouter(tags=["attempt"], route_class=GuardedRoute)

Uploader = Annotated[Grant, Depends(having("attempt.audio_upload"))]
Downloader = Annotated[Grant, Depends(having("attempt.audio_download"))]

_REQUEST_LIMIT = UPLOAD_LIMIT + 64 * 1024
"""Most bytes of an upload request: the recording and its multipart encoding."""

_BYTES = {"type": "string", "format": "binary"}

_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The recording."},
                        "upload_id": {"type": "string", "description": "One that is uploaded already."},
                    },
                }
            }
        },
    }
}


@router.post("/attempt/audio_upload", responses=REFUSED, openapi_extra=_FORM, operation_id="post_attempt_audio_upload")
async def audio_upload(grant: Uploader, request: Request) -> AudioUploadReply:
    """Store a recording, to be attached to a message or to serve as one."""
    service, user = service_of(request), grant.user
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Invalid("Upload the recording as multipart/form-data, in the field `file`.")
    body = await _whole(request)

    async def replay() -> AsyncGenerator[bytes]:
        yield body
        yield b""

    try:
        form = await MultiPartParser(request.headers, replay(), max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise Invalid("The upload is no multipart form: send the recording in the field `file`.") from None
    try:
        file, upload_id = form.get("file"), form.get("upload_id")
        if isinstance(file, UploadFile):
            name, kind = file.filename or "", file.content_type or ""
            return uploaded(await service.practice.uploads.keep(user.id, await file.read(), name, kind))
        if isinstance(upload_id, str) and upload_id:
            return uploaded(await service.store.audio(user.id, upload_id))
    finally:
        await form.close()
    raise Invalid("The upload has no recording: send it in the field `file`.")


@router.post(
    "/attempt/audio_download",
    response_class=Response,
    operation_id="post_attempt_audio_download",
    responses={
        **REFUSED,
        200: {"content": {kind: {"schema": _BYTES} for kind in ("audio/*", "video/*", "application/octet-stream")}},
        206: {"description": "The part that a Range header asks for."},
        416: {"description": "The range lies outside the recording.", "model": None},
    },
)
async def audio_download(body: AudioDownloadBody, grant: Downloader, request: Request) -> Response:
    """Return a recording's bytes, or a part of them."""
    service = service_of(request)
    audio = await service.store.audio(grant.user.id, body.audio_id)
    if not await asyncio.to_thread(service.files.path(audio.id).is_file):
        return JSONResponse({"detail": "The recording's file is gone: upload it again."}, 404)
    try:
        part = byte_range(request.headers.get("range"), audio.size)
    except ValueError:
        detail = {"detail": f"The recording has {audio.size} bytes: ask for a range within it."}
        return JSONResponse(detail, 416, {"Content-Range": f"bytes */{audio.size}"})
    start, end = part or (0, audio.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f'attachment; filename="{audio.file_name.encode("ascii", "replace").decode()}"',
        "X-Content-Type-Options": "nosniff",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{audio.size}"
    blocks = service.files.blocks(audio.id, start, end)
    return StreamingResponse(blocks, 206 if part is not None else 200, headers, audio.mime_type)


async def _whole(request: Request) -> bytes:
    """Read the request's body, up to its limit."""
    received = bytearray()
    async for block in request.stream():
        received += block
        if len(received) > _REQUEST_LIMIT:
            raise TooLarge(f"A recording has at most {UPLOAD_LIMIT} bytes: shorten or compress it.")
    return bytes(received)
