"""What is stored may be read by its owner alone, whatever the umask; what an earlier version left open is tightened."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.files import Files
from models.private import private_file, private_folder
from models.store import Store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_folder_and_a_file_are_their_owners_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    if umask == 0o777 and os.geteuid() != 0:
        pytest.skip("only root can make a folder within one that nobody may enter")
    private_folder(tmp_path / "a" / "b")
    private_file(tmp_path / "a" / "b" / "c")
    assert mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path / "a" / "b" / "c") == 0o600
    assert not mode(tmp_path / "a") & 0o077


def test_recordings_are_private_and_older_ones_become_so(tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir(mode=0o755)
    (folder / "old").write_bytes(b"old")
    (folder / "old").chmod(0o644)
    files = Files(folder)
    files.tighten()
    files.write("new", b"new")
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"old": 0o600, "new": 0o600}
    assert files.read("old") == b"old"


def test_a_database_is_private_and_an_older_one_becomes_so(run, tmp_path):
    async def opened(path):
        async with Store(f"sqlite+aiosqlite:///{path}") as store:
            await store.user_named("ada")
            return {file.name: mode(file) for file in path.parent.iterdir()}

    folder = tmp_path / "data"
    private = {"glow.db": 0o600, "glow.db-wal": 0o600, "glow.db-shm": 0o600}
    assert run(opened(folder / "glow.db")) == private
    assert mode(folder) == 0o700
    (folder / "glow.db").chmod(0o644)
    assert run(opened(folder / "glow.db"))["glow.db"] == 0o600


def test_a_folder_that_others_share_stays_as_it_is(run, tmp_path):
    tmp_path.chmod(0o755)

    async def story():
        async with Store(f"sqlite+aiosqlite:///{tmp_path}/glow.db"):
            return mode(tmp_path), mode(tmp_path / "glow.db")

    assert run(story()) == (0o755, 0o600)
