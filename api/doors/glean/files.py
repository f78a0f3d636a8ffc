"""Files for Glean's chats: their text is searched like a document's, for their owner alone."""

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.datastructures import UploadFile

from api.doors.glean import rendering
from api.doors.glean.chats import ids_of
from api.doors.glean.door import GleanRoute, GleanUser
from api.doors.refusals import json_object
from models.store import Store

router = APIRouter(prefix="/rest/api/v1", tags=["glean"], route_class=GleanRoute)

FILES_LIMIT = 20
FILE_LIMIT = 2_000_000
"""Most bytes of one file."""

_TEXT_SUFFIXES = frozenset(
    ".txt .md .rst .csv .tsv .json .yaml .yml .xml .html .htm .log .py .js .ts .java .c .h .cpp .go .rs .sql".split()
)


@router.post("/uploadchatfiles")
async def upload(user: GleanUser, request: Request) -> dict[str, Any]:
    """Store files; one that cannot be read is reported as failed, with the reason."""
    async with request.form(max_files=FILES_LIMIT, max_fields=FILES_LIMIT) as form:
        given = [item for item in form.getlist("files") if isinstance(item, UploadFile)]
        if not given:
            raise HTTPException(400, "files is required")
        kept = []
        for item in given:
            data = await item.read()
            name, kind = item.filename or "file", item.content_type or "application/octet-stream"
            text, failure = _read(name, kind, data)
            kept.append(await _store(request).add_chat_file(user.id, name, kind, len(data), text, failure))
    return {"files": [rendering.file(item) for item in kept]}


@router.post("/getchatfiles")
async def get_files(user: GleanUser, request: Request) -> dict[str, Any]:
    """Get files by id; those that are unknown, or not the user's, are left out."""
    ids = ids_of(await json_object(request), "fileIds")
    found = await _store(request).chat_files(user.id, ids)
    return {"files": {item.id: rendering.file(item) for item in found}}


@router.get("/chat-files/{file_id}")
async def download(file_id: str, user: GleanUser, request: Request) -> Response:
    """Return the text read from a file, as UTF-8; nothing is stored of one that could not be read."""
    found = [item for item in await _store(request).chat_files(user.id, [file_id]) if item.failure is None]
    if not found:
        raise HTTPException(404, "There is no such file, or none that could be read.")
    attached = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found[0].name, safe='')}"}
    return Response(found[0].text.encode(), media_type="application/octet-stream", headers=attached)


@router.post("/deletechatfiles")
async def delete_files(user: GleanUser, request: Request) -> dict[str, Any]:
    """Delete files."""
    await _store(request).remove_chat_files(user.id, ids_of(await json_object(request), "fileIds"))
    return {}


def _read(name: str, kind: str, data: bytes) -> tuple[str, str | None]:
    """Extract the text of a file, or return the interface's code for why there is none."""
    if len(data) > FILE_LIMIT:
        return "", "FILE_TOO_LARGE"
    if not kind.startswith("text/") and PurePath(name).suffix.lower() not in _TEXT_SUFFIXES:
        return "", "FILE_EXTENSION_UNSUPPORTED"
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        return "", "PARSE_FAILED"


def _store(request: Request) -> Store:
    store: Store = request.app.state.service.store
    return store
