"""A user's uploaded recordings: what is accepted, and under which name and type it is stored."""

import asyncio
import re
from collections.abc import Callable

from models.errors import Invalid, TooLarge
from models.files import Files
from models.records.outcomes import Audio
from models.store import Store
from voice.audio.containers import demuxer_of

UPLOAD_LIMIT = 16 * 1024 * 1024
"""Most bytes of one recording."""

NAME_LIMIT = 120

_KINDS = {"wav": "audio/wav", "ogg": "audio/ogg", "mp3": "audio/mpeg", "flac": "audio/flac", "mp4": "audio/mp4"}
_ANY = "application/octet-stream"
_KIND = re.compile(r"(audio|video)/[\w.+-]{1,60}")
_UNNAMEABLE = re.compile(r"[^\w. -]+")


class Uploads:
    """Stores recordings.

    Args:
        store, files: keep the record and the bytes of each.
        new_id: makes ids.
    """

    def __init__(self, store: Store, files: Files, new_id: Callable[[], str]) -> None:
        self._store = store
        self._files = files
        self._new_id = new_id

    async def keep(self, user_id: str, data: bytes, file_name: str, mime_type: str) -> Audio:
        """Store a recording.

        Args:
            file_name, mime_type: the client's; a type that is not audio is replaced by one detected in the data.

        Raises:
            Invalid: it is empty.
            TooLarge: more than `UPLOAD_LIMIT`.
        """
        if not data:
            raise Invalid("The file is empty: upload a recording.")
        if len(data) > UPLOAD_LIMIT:
            raise TooLarge(f"A recording has at most {UPLOAD_LIMIT} bytes: shorten or compress it.")
        audio_id = self._new_id()
        await asyncio.to_thread(self._files.write, audio_id, data)
        name = _UNNAMEABLE.sub("_", file_name.replace("\\", "/").rpartition("/")[2])[:NAME_LIMIT] or "recording"
        kind = mime_type if _KIND.fullmatch(mime_type) else _KINDS.get(demuxer_of(data[:64]) or "", _ANY)
        return await self._store.add_audio(user_id, name, kind, len(data), id=audio_id)
