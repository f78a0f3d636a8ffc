"""What one user said, recorded and uploaded: handed out whole, and erased whole, and nothing of anybody else."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from models.errors import Conflict, NotFound
from models.files import Files
from models.records.core import User
from models.store import Store
from pipeline.call.recording import recording_of, words_of
from pipeline.practice.user_export import export_user
from pipeline.practice.user_removal import erase_user
from pipeline.tasks.clock import LoopClock
from tests.models.conftest import CONTENT
from tests.models.test_backup import modes
from tests.models.test_users import fill_every_table
from tests.stores import lay_database

Run = Callable[..., Any]


async def lives_here(store: Store, files: Files, name: str, said: str) -> tuple[User, str]:
    """A user with a chat that was recorded, an upload, a token, and a document of their own."""
    await store.create_token(name)
    user = await store.user_named(name)
    attempt = await store.start_attempt(user.id, practice_id="p1")
    chat_id = attempt.chats[0].id
    await store.add_message(chat_id, "user", f"My code word is {said}.", origin="spoken")
    await store.add_message(chat_id, "persona", f"I shall not tell {said}.", origin="spoken")
    files.write(recording_of(chat_id), f"sound of {said}".encode())
    files.write(words_of(chat_id), f'["m", 0, 9, "{said}"]\n'.encode())
    audio = await store.add_audio(user.id, f"../{said}.wav", "audio/wav", 8)
    files.write(audio.id, f"upload of {said}".encode())
    return user, chat_id


@pytest.fixture
def here(tmp_path: Path, run: Run) -> Any:
    """A service's data with two users: the store's URL, the files, and who is who."""
    lay_database(tmp_path / "data" / "glow.db")
    url, files = f"sqlite+aiosqlite:///{tmp_path}/data/glow.db", Files(tmp_path / "data" / "audio")

    async def fill() -> Any:
        async with Store(url) as store:
            await store.install(**CONTENT)
            ada, chat_id = await lives_here(store, files, "ada", "rutabaga")
            bob, _ = await lives_here(store, files, "bob", "kohlrabi")
        for user in (ada, bob):
            fill_every_table(tmp_path / "data" / "glow.db", user.id)
        return ada, chat_id, bob

    return url, files, *run(fill())


def texts_of(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_user_gets_everything_that_is_theirs_and_no_secret(here: Any, run: Run, tmp_path: Path) -> None:
    url, files, ada, chat_id, bob = here

    async def export() -> Any:
        async with Store(url) as store:
            return await export_user(store, files, "ada", tmp_path / "mine")

    user, chats, audios = run(export())
    assert (user, chats, audios) == (ada, 4, 2)
    mine = tmp_path / "mine"
    data = json.loads((mine / "data.json").read_text("utf-8"))
    with closing(sqlite3.connect(tmp_path / "data" / "glow.db")) as connection:
        for table, rows in data.items():
            own = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert 0 < len(rows) <= own, table
    assert {"users", "tokens", "messages", "phone_calls", "past_calls", "drafts", "external_messages"} <= set(data)
    assert [message["text"] for message in data["messages"] if message["chat_id"] == chat_id] == [
        "My code word is rutabaga.",
        "I shall not tell rutabaga.",
    ]
    transcript = (mine / "transcripts" / f"{chat_id}.txt").read_text("utf-8").splitlines()
    assert [line.split(" ", 1)[1] for line in transcript[2:]] == [
        "user: My code word is rutabaga.",
        "persona: I shall not tell rutabaga.",
    ]
    assert (mine / "recordings" / f"{chat_id}.wav").read_text() == "sound of rutabaga"
    (upload,) = (mine / "uploads").iterdir()
    assert upload.read_text() == "upload of rutabaga"
    everything = texts_of(mine)
    assert "kohlrabi" not in everything
    assert bob.id not in everything
    assert "_hash" not in everything
    assert modes(mine) == {"0o700d", "0o600"}


def test_a_user_who_is_not_there_and_a_place_that_is_taken(here: Any, run: Run, tmp_path: Path) -> None:
    url, files, ada, _, _ = here

    async def export(name: str, to: Path) -> None:
        async with Store(url) as store:
            await export_user(store, files, name, to)

    with pytest.raises(NotFound, match="glow user list"):
        run(export("eve", tmp_path / "e"))
    assert not (tmp_path / "e").exists()
    with pytest.raises(Conflict, match="something at"):
        run(export("ada", tmp_path / "data"))
    run(export(ada.id, tmp_path / "by id"))


def test_nothing_of_an_erased_user_is_left_not_even_in_the_files_of_the_database(
    here: Any, run: Run, tmp_path: Path
) -> None:
    url, files, ada, _, bob = here

    def bytes_here() -> bytes:
        return b"\n".join(path.read_bytes() for path in sorted((tmp_path / "data").rglob("*")) if path.is_file())

    async def erase() -> Any:
        async with Store(url) as store:
            others = await store.user_data(bob.id)
            erased = await erase_user(store, files, LoopClock(), "ada")
            assert await store.user_data(bob.id) == others
            return erased

    for word in (b"rutabaga", ada.id.encode(), b"kohlrabi"):
        assert word in bytes_here()
    assert run(erase()) == ("ada", 4)
    left = bytes_here()
    assert b"rutabaga" not in left
    assert ada.id.encode() not in left
    assert b"kohlrabi" in left
    with pytest.raises(NotFound):
        run(erase())


def test_what_is_written_while_a_user_is_erased_is_told(
    here: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, files, ada, _, _ = here

    async def erase(name: str) -> Any:
        async with Store(url) as store:
            return await erase_user(store, files, LoopClock(), name)

    async def and_again(*arguments: Any, **named: Any) -> Any:
        removed = await real(*arguments, **named)
        async with Store(url) as store:
            await store.user_named("ada")
        with closing(sqlite3.connect(tmp_path / "data" / "glow.db")) as connection, connection:
            connection.execute("UPDATE users SET id = ? WHERE name = 'ada'", (ada.id,))
        return removed

    from pipeline.practice.user_removal import remove_user as real

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.practice.user_removal.remove_user", and_again)
        with pytest.raises(Conflict, match=r"written meanwhile \(users\): erase"):
            run(erase("ada"))
    assert run(erase(ada.id)) == ("ada", 0)
