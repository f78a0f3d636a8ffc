"""A backup is whole or not there, and is put back only if it is whole; what is there is lost only if asked."""

import asyncio
import gzip
import json
import os
import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.store import Store
from models.transfer.backup import MANIFEST, SQLITE, Places, back_up, verify
from models.transfer.copies import SUMS, copy_file, hash_of
from models.transfer.dump import DumpRows
from models.transfer.errors import Damaged, NotEmpty, ServiceRuns, TransferFailed
from models.transfer.restore import restore
from tests.stores import lay_database

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def places(folder: Path, **changed) -> Places:
    return replace(Places(f"sqlite+aiosqlite:///{folder}/glow.db", folder, folder / "models"), **changed)


def fill(folder: Path) -> None:
    """A data directory as the service leaves it."""
    lay_database(folder / "glow.db")
    for name, text in {
        "audio/call-1": "recording", "audio/words-1": "", "audio/half.part": "half", "tls/key.pem": "key",
        "satellites.yaml": "[]", "models/base/model.bin": "weights", "odd név/file 1": "odd",
    }.items():  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "link").symlink_to("/etc/passwd")
    with closing(sqlite3.connect(folder / "glow.db")) as connection, connection:
        connection.execute("INSERT INTO users (id, name, created_at) VALUES ('u', 'ada', '2030-01-01 00:00:00.000000')")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data, and a backup of it."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder / "data")
    asyncio.run(back_up(places(folder / "data"), folder / "backups" / "monday", NOON, "1.2.3"))
    return folder


@pytest.fixture
def data(tmp_path: Path, filled: Path) -> Places:
    shutil.copytree(filled / "data", tmp_path / "data", symlinks=True)
    return places(tmp_path / "data")


@pytest.fixture
def backup(tmp_path: Path, filled: Path) -> Path:
    shutil.copytree(filled / "backups", tmp_path / "backups")
    return tmp_path / "backups" / "monday"


def put_back(folder: Path, target: Places, *, force: bool = False):
    return asyncio.run(restore(folder, target, force=force))


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def modes(folder: Path) -> set[str]:
    return {oct(stat.S_IMODE(path.stat().st_mode)) + "d" * path.is_dir() for path in (folder, *folder.rglob("*"))}


def users(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM users")]


def test_a_backup_has_the_database_and_the_files_for_its_owner_alone(backup: Path) -> None:
    assert names(backup) == {
        MANIFEST, SUMS, SQLITE, "data/audio/call-1", "data/audio/words-1", "data/tls/key.pem", "data/satellites.yaml",
        "data/odd név/file 1",
    }  # fmt: skip
    assert modes(backup.parent) == {"0o700d", "0o600"}, "files and folders, and the folder of backups"
    assert users(backup / SQLITE) == ["ada"]
    manifest = verify(backup)
    assert (manifest.made_at, manifest.version, manifest.sums["users"].rows) == (NOON.isoformat(), "1.2.3", 1)
    if shutil.which("sha256sum"):
        assert subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=backup, check=False).returncode == 0
    assert [path.name for path in backup.parent.iterdir()] == ["monday"], "nothing is left beside it"


def test_it_is_put_back_where_nothing_is(backup: Path, tmp_path: Path) -> None:
    new = places(tmp_path / "new" / "place")
    put = put_back(backup, new)
    assert put.files == 5
    assert names(new.data_dir) == {
        "glow.db", "audio/call-1", "audio/words-1", "tls/key.pem", "satellites.yaml", "odd név/file 1",
    }  # fmt: skip
    assert modes(new.data_dir) == {"0o700d", "0o600"}
    assert (new.data_dir / "audio" / "call-1").read_text() == "recording"
    assert users(new.data_dir / "glow.db") == ["ada"]
    assert verify(backup), "the backup stays as it was"


def test_what_is_there_is_replaced_only_if_asked(backup: Path, data: Places) -> None:
    (data.data_dir / "audio" / "call-2").write_text("later")
    before = names(data.data_dir)
    with pytest.raises(NotEmpty, match=r"is not empty .* --force"):
        put_back(backup, data)
    assert names(data.data_dir) == before
    put_back(backup, data, force=True)
    assert names(data.data_dir) == {
        "glow.db", "audio/call-1", "audio/words-1", "tls/key.pem", "satellites.yaml", "odd név/file 1",
        "models/base/model.bin",
    }, "models are no part of backups, and stay"  # fmt: skip


def test_a_new_disk_with_models_is_empty(backup: Path, tmp_path: Path) -> None:
    for name in ("models", "lost+found"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    put_back(backup, places(tmp_path / "disk"))
    assert users(tmp_path / "disk" / "glow.db") == ["ada"]


def test_a_database_elsewhere_is_replaced_only_if_asked(backup: Path, tmp_path: Path) -> None:
    lay_database(tmp_path / "elsewhere" / "glow.db")
    target = places(tmp_path / "new", database_url=f"sqlite+aiosqlite:///{tmp_path}/elsewhere/glow.db")
    with pytest.raises(NotEmpty, match="There is a database"):
        put_back(backup, target)
    assert users(tmp_path / "elsewhere" / "glow.db") == []
    put_back(backup, target, force=True)
    assert users(tmp_path / "elsewhere" / "glow.db") == ["ada"]
    assert "glow.db" not in names(tmp_path / "new")


def changed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "a bit of the database": (lambda it: changed(it / SQLITE), "database.sqlite was changed"),
    "a bit of a recording": (lambda it: changed(it / "data/audio/call-1"), "call-1 was changed"),
    "a bit of the manifest": (lambda it: changed(it / MANIFEST), "manifest.json was changed"),
    "a recording": (lambda it: (it / "data/audio/call-1").unlink(), "call-1 is missing from"),
    "the database": (lambda it: (it / SQLITE).unlink(), "database.sqlite is missing from"),
    "the hashes": (lambda it: (it / SUMS).unlink(), "no SHA256SUMS"),
    "half the hashes": (
        lambda it: (it / SUMS).write_text((it / SUMS).read_text()[:-20]),
        "none of a backup|not belong",
    ),
    "a file more": (lambda it: (it / "data" / "more").write_text("x"), "more does not belong to"),
    "a link more": (lambda it: (it / "data" / "more").symlink_to("/etc/passwd"), "more does not belong to"),
    "a path out of it": (
        lambda it: (it / SUMS).write_text((it / SUMS).read_text() + f"{'0' * 64}  ../../.bashrc\n"),
        "none of a backup",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("force", [False, True])
def test_a_backup_that_is_not_whole_is_not_put_back(
    what: str, force: bool, backup: Path, data: Places, tmp_path: Path
) -> None:
    damage, sentence = DAMAGE[what]
    damage(backup)
    target = data if force else places(tmp_path / "new")
    before = names(data.data_dir)
    with pytest.raises(Damaged, match=sentence):
        put_back(backup, target, force=force)
    assert names(data.data_dir) == before
    assert not (tmp_path / "new").exists()


def test_rows_that_are_not_those_of_the_manifest_are_not_put_back(backup: Path, data: Places) -> None:
    """Somebody changed the database and its hash."""
    with closing(sqlite3.connect(backup / SQLITE)) as connection, connection:
        connection.execute("UPDATE users SET name = 'eve'")
    sums = (backup / SUMS).read_text().splitlines()
    sums = [f"{hash_of(backup / SQLITE)}  {SQLITE}" if line.endswith(SQLITE) else line for line in sums]
    (backup / SUMS).write_text("\n".join(sums) + "\n")
    with pytest.raises(Damaged, match="rows of users are not those"):
        put_back(backup, data, force=True)
    assert users(data.data_dir / "glow.db") == ["ada"]
    assert [path.name for path in data.data_dir.iterdir() if path.name.startswith(".")] == []


def test_a_backup_of_a_newer_version_is_left_to_that_version(data: Places, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data.data_dir / "glow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("CREATE TABLE moods (id TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO moods VALUES ('glad')")
    folder = tmp_path / "newer"
    asyncio.run(back_up(data, folder, NOON, "9.9"))
    assert verify(folder).sums["moods"].rows == 1, "what this version does not know is in it all the same"
    with pytest.raises(TransferFailed, match=r"A newer version \(9\.9\)"):
        put_back(folder, places(tmp_path / "new"))


def test_a_place_that_cannot_take_a_backup_is_told(data: Places, tmp_path: Path) -> None:
    def backs_up(to: Path) -> None:
        asyncio.run(back_up(data, to, NOON, "1"))

    (tmp_path / "file").write_text("x")
    with pytest.raises(NotEmpty, match="something at"):
        backs_up(tmp_path / "file")
    with pytest.raises(NotEmpty, match="something at"):
        backs_up(tmp_path)
    with pytest.raises(TransferFailed, match="in the data directory"):
        backs_up(data.data_dir / "backup")
    with pytest.raises(TransferFailed, match="cannot be made"):
        backs_up(Path("/proc/backup"))
    with pytest.raises(TransferFailed, match="no database"):
        asyncio.run(back_up(places(tmp_path / "nothing"), tmp_path / "b", NOON, "1"))
    (tmp_path / "empty").mkdir()
    backs_up(tmp_path / "empty")
    assert verify(tmp_path / "empty")


def test_a_backup_that_fails_leaves_nothing(data: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.transfer.backup.write_sums", fails)
    with pytest.raises(TransferFailed, match="No space left"):
        asyncio.run(back_up(data, tmp_path / "backups" / "b", NOON, "1"))
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_damaged_database_makes_no_backup(data: Places, tmp_path: Path) -> None:
    path = data.data_dir / "glow.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 40] = os.urandom(4096 * 37)
    path.write_bytes(content)
    with pytest.raises(TransferFailed, match=r"damaged|malformed"):
        asyncio.run(back_up(data, tmp_path / "b", NOON, "1"))
    assert not (tmp_path / "b").exists()


def test_a_file_that_is_removed_meanwhile_is_left_out(
    data: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = data.data_dir / "audio" / "call-1"

    def gone(source: Path, target: Path) -> str:
        if source == listed:
            listed.unlink(missing_ok=True)
        return copy_file(source, target)

    monkeypatch.setattr("models.transfer.copies.copy_file", gone)
    asyncio.run(back_up(data, tmp_path / "b", NOON, "1"))
    assert "data/audio/call-1" not in names(tmp_path / "b")
    assert verify(tmp_path / "b")


def test_a_recording_that_grows_meanwhile_is_kept_as_it_is(
    data: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grows = data.data_dir / "audio" / "call-1"

    def growing(source: Path, target: Path) -> str:
        found = copy_file(source, target)
        if source == grows:
            with grows.open("a") as file:
                file.write(" goes on")
        return found

    monkeypatch.setattr("models.transfer.copies.copy_file", growing)
    asyncio.run(back_up(data, tmp_path / "b", NOON, "1"))
    assert verify(tmp_path / "b")
    assert (tmp_path / "b" / "data" / "audio" / "call-1").read_text() == "recording goes on goes on"


def test_while_the_service_runs_nothing_is_put_back(backup: Path, data: Places) -> None:
    async def story() -> None:
        async with Store(data.database_url) as store:
            await store.join()
            with pytest.raises(ServiceRuns, match="stop them first"):
                await restore(backup, data, force=True)
            await store.leave()

    asyncio.run(story())
    put_back(backup, data, force=True)


def test_a_database_that_cannot_be_read_is_no_reason_not_to(backup: Path, data: Places) -> None:
    (data.data_dir / "glow.db").write_bytes(b"my diary, page 1\n" * 500)
    put_back(backup, data, force=True)
    assert users(data.data_dir / "glow.db") == ["ada"]


def test_the_processes_of_the_backup_are_none_of_the_new_place(data: Places, tmp_path: Path) -> None:
    async def story() -> None:
        async with Store(data.database_url) as store:
            await store.join()
            await back_up(data, tmp_path / "b", NOON, "1")
            await restore(tmp_path / "b", places(tmp_path / "new"), force=False)
            async with Store(f"sqlite+aiosqlite:///{tmp_path}/new/glow.db") as copy:
                assert not await copy.others_run()
            assert await store.others_run() is False, "it is the only one here"
            await store.leave()

    asyncio.run(story())


def test_content_packs_come_with_it(data: Places, tmp_path: Path) -> None:
    (tmp_path / "desk" / "texts").mkdir(parents=True)
    (tmp_path / "desk" / "texts" / "rules.md").write_text("Be on time.")
    (tmp_path / "one.yaml").write_text("name: One")
    mine = replace(data, packs=(tmp_path / "desk", tmp_path / "one.yaml", data.data_dir / "tls"))
    made = asyncio.run(back_up(mine, tmp_path / "b", NOON, "1"))
    assert made.manifest.packs == {"0-desk": str(tmp_path / "desk"), "1-one.yaml": str(tmp_path / "one.yaml")}
    put_back(tmp_path / "b", places(tmp_path / "new"))
    packs = tmp_path / "new" / "packs"
    assert (packs / "0-desk" / "texts" / "rules.md").read_text() == "Be on time."
    assert (packs / "1-one.yaml").read_text() == "name: One"


def read(path: Path) -> list[tuple[str, list[list[tuple[object, ...]]]]]:
    return [(name, list(batches)) for name, _, batches in DumpRows(path).parts()]


@pytest.mark.parametrize("cut", [10, 60, -30])
def test_rows_that_break_off_are_noticed(tmp_path: Path, cut: int) -> None:
    lines = [{"revision": "0017"}, {"table": "users", "columns": ["id"]}, ["a"], ["b"], {"end": True}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    whole = gzip.compress(text.encode())
    (tmp_path / "whole").write_bytes(whole)
    assert read(tmp_path / "whole") == [("users", [[("a",), ("b",)]])]
    (tmp_path / "bytes").write_bytes(whole[:cut])
    (tmp_path / "lines").write_bytes(gzip.compress(text[:cut].encode()))
    for name in ("bytes", "lines"):
        with pytest.raises(Damaged):
            read(tmp_path / name)


def test_a_move_that_fails_half_way_is_taken_back(backup: Path, data: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    before, moves = names(data.data_dir), []
    real = shutil.move

    def fails_once(source: Path, target: Path) -> None:
        moves.append(source)
        if len(moves) == 6:
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr("models.transfer.restore.shutil.move", fails_once)
    with pytest.raises(TransferFailed, match="Input/output"):
        put_back(backup, data, force=True)
    assert names(data.data_dir) == before
    assert users(data.data_dir / "glow.db") == ["ada"]
