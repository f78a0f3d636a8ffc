"""audio_upload and audio_download: recordings of the user's own."""

import asyncio
import re

from api.doors.glow.operations.shapes_chats import AudioUploadReply
from api.service import Service, new_id
from models.errors import Invalid, TooLarge
from models.records.core import User
from models.records.outcomes import Audio
from voice.audio.containers import demuxer_of

UPLOAD_LIMIT = 16 * 1024 * 1024
"""Bytes of one recording."""

_TYPES = {"wav": "audio/wav", "ogg": "audio/ogg", "mp3": "audio/mpeg", "flac": "audio/flac", "mp4": "audio/mp4"}
_ANY = "application/octet-stream"
_KIND = re.compile(r"(audio|video)/[\w.+-]{1,60}")
_NAME = re.compile(r"[^\w. -]+")


async def keep_audio(service: Service, user: User, data: bytes, file_name: str, mime_type: str) -> AudioUploadReply:
    """Store a recording.

    Raises:
        Invalid: there is nothing in it.
        TooLarge: more than `UPLOAD_LIMIT`.
    """
    if not data:
        raise Invalid("The file is empty: upload a recording.")
    if len(data) > UPLOAD_LIMIT:
        raise TooLarge(f"A recording has at most {UPLOAD_LIMIT} bytes: shorten or compress it.")
    audio_id = new_id()
    await asyncio.to_thread(service.files.write, audio_id, data)
    name = _NAME.sub("_", file_name.replace("\\", "/").rpartition("/")[2])[:120] or "recording"
    kind = mime_type if _KIND.fullmatch(mime_type) else _TYPES.get(demuxer_of(data[:64]) or "", _ANY)
    audio = await service.store.add_audio(user.id, name, kind, len(data), id=audio_id)
    return uploaded(audio)


def uploaded(audio: Audio) -> AudioUploadReply:
    """A stored recording under every name that clients read."""
    return AudioUploadReply(
        audio_id=audio.id,
        audios_id=audio.id,
        upload_id=audio.id,
        file_name=audio.file_name,
        mime_type=audio.mime_type,
        size=audio.size,
    )


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """What a Range header asks for, as (start, end) with the end left out; None for the whole.

    A header that is no single byte range is ignored, as RFC 9110 has it.

    Raises:
        ValueError: it lies outside the file.
    """
    found = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (header or "").strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise ValueError("outside the file")
    return start, end
