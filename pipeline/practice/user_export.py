"""Everything that is stored of one user, as files that the user can read."""

import asyncio
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.errors import Conflict, Invalid
from models.files import Files
from models.private import private_file, private_folder
from models.records.core import User
from models.store import Store
from pipeline.call.recording import recording_of, words_of

DATA, TRANSCRIPTS, RECORDINGS, UPLOADS = "data.json", "transcripts", "recordings", "uploads"

_CHATS = {"chats": "messages", "external_chats": "external_messages"}
_ODD = re.compile(r"[^\w.-]+")


async def export_user(store: Store, files: Files, name_or_id: str, folder: Path) -> tuple[User, int, int]:
    """Write all that is stored of a user into a new folder, which only its owner can read.

    The folder has the rows of all tables, without hashes of secrets (`data.json`), a text of each chat, the recordings
    of calls, and what the user uploaded.

    Returns:
        The user, and the numbers of chats and of recordings and uploads.

    Raises:
        NotFound: there is no user of this name or id.
        Conflict: there is something at `folder`.
        OSError: it cannot be written.
    """
    user = await store.find_user(name_or_id)
    data = await store.user_data(user.id)
    return user, *await asyncio.to_thread(_write, folder, data, files)


def _write(folder: Path, data: dict[str, list[dict[str, Any]]], files: Files) -> tuple[int, int]:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"There is something at {folder}: name a new folder.")
    private_folder(folder)
    _put(folder / DATA, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    chats = audios = 0
    for table, messages in _CHATS.items():
        for chat in data.get(table, ()):
            said = [message for message in data.get(messages, ()) if message["chat_id"] == chat["id"]]
            chats += 1
            name = _name(chat["id"], chats)
            _put(folder / TRANSCRIPTS / f"{name}.txt", "".join(_lines(chat, said)))
            audios += _copy(files, recording_of(chat["id"]), folder / RECORDINGS / f"{name}.wav")
            _copy(files, words_of(chat["id"]), folder / RECORDINGS / f"{name}.words.jsonl")
    for audio in data.get("audios", ()):
        name = _ODD.sub("_", audio["file_name"])[-100:]
        audios += _copy(files, audio["id"], folder / UPLOADS / f"{audio['id']}-{name}")
    return chats, audios


def _name(chat_id: str, number: int) -> str:
    """Return a file name for a chat; some clients choose ids that are none."""
    name = _ODD.sub("_", chat_id)[:100]
    return name if name == chat_id else f"{name}-{number}"


def _lines(chat: dict[str, Any], said: list[dict[str, Any]]) -> Iterator[str]:
    yield f"{chat.get('name') or chat.get('title') or chat['id']}, {chat['created_at']}\n\n"
    for message in sorted(said, key=lambda message: message["sequence"]):
        yield f"{message['created_at']} {message['role']}: {message['text']}\n"


def _put(path: Path, text: str) -> None:
    private_folder(path.parent)
    private_file(path)
    path.write_text(text, "utf-8")


def _copy(files: Files, file_id: str, to: Path) -> bool:
    """Copy a file of the store, if there is one; return whether there is."""
    try:
        source = files.path(file_id)
    except Invalid:  # an id that no file has
        return False
    if not source.exists():
        return False
    private_folder(to.parent)
    private_file(to)
    shutil.copyfile(source, to)
    return True
