"""audio_upload and audio_download: recordings of the user's own."""

import re

from api.doors.glow.operations.shapes_chats import AudioUploadReply
from models.records.outcomes import Audio


def uploaded(audio: Audio) -> AudioUploadReply:
    """Render a stored recording under every name that clients read."""
    return AudioUploadReply(
        audio_id=audio.id,
        audios_id=audio.id,
        upload_id=audio.id,
        file_name=audio.file_name,
        mime_type=audio.mime_type,
        size=audio.size,
    )


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Parse a Range header as (start, end), the end exclusive; None for the whole.

    A header that is no single byte range is ignored, as RFC 9110 allows.

    Raises:
        ValueError: the range is outside the file.
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
