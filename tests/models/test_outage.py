"""What happens while the disk is full: a typed error, two lines in the log, and no half a file."""

from pathlib import Path

import pytest

from models.errors import NotFound, StorageFailed
from models.files import Files
from tests.disk import full_disk


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage().partition(":")[0] for record in caplog.records]


def test_a_full_disk_is_one_typed_error_and_two_lines_in_the_log(run, store, path, chat_id, caplog):
    said = run(store.add_message(chat_id, "user", "Hello.", origin="spoken"))
    with full_disk(Path(f"{path}-wal")):
        for _ in range(3):
            with pytest.raises(StorageFailed, match="try again in a few seconds"):
                run(store.add_message(chat_id, "user", "word " * 4_000, origin="spoken"))
        assert run(store.messages(chat_id)) == (said,), "it can still be read"
        with pytest.raises(StorageFailed):
            run(store.check())
    run(store.check())
    assert logged(caplog) == ["The database is away", "The database is back."]
    assert run(store.add_message(chat_id, "user", "Again.", origin="spoken")).parent_id == said.id


def test_an_error_of_ours_is_no_outage(run, store, caplog):
    with pytest.raises(NotFound):
        run(store.add_message("nowhere", "user", "Hello.", origin="spoken"))
    run(store.check())
    assert logged(caplog) == []


def test_no_half_a_file_is_left(tmp_path):
    files = Files(tmp_path)
    files.write("first", b"1" * 1_000)
    with full_disk(files.path("first")), pytest.raises(StorageFailed):
        files.write("second", b"2" * 2_000)
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
