"""Several processes on one database: what one carries, another leaves alone until that one is gone."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from models.errors import Conflict
from models.running_process import RunningProcess, _began, this_process
from models.store import Store
from models.store.processes import SILENT_FOR, Recovered
from tests.models.conftest import START
from tests.models.test_recovery import MINUTE, kept


async def half_done(store, ada, chat_id):
    """A call, in which something is being said, and a running test run."""
    await store.claim_call(kept(ada, chat_id))
    await store.add_message(chat_id, "assistant", "Sorry, the", origin="spoken", completed=False)
    test = await store.start_test(ada.id, "benchmark", ["one"])
    await store.update_test_run(test.runs[0].id, "running")


def changed(path, **columns):
    with closing(sqlite3.connect(path)) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE processes SET {name} = ?", (value,))
        connection.commit()


@pytest.mark.parametrize("place", ["here", "elsewhere"])
def test_what_another_process_carries_is_recovered_once_it_is_gone(run, store, ada, chat_id, path, url, place):
    passed = [timedelta()]

    async def story():
        await store.join()
        await half_done(store, ada, chat_id)
        if place == "elsewhere":
            changed(path, place="another machine", seen_at="2030-01-01 00:00:00")
        async with Store(url, now=lambda: START + passed[0]) as second:
            await second.join()
            assert await second.others_run()
            for always in (True, False):
                assert await second.recover(always=always) == Recovered(0, 0)
            with pytest.raises(Conflict, match="in a moment"):
                await second.kept_call(ada.id, chat_id, "hash", MINUTE)
            assert await second.kept_call("eve", chat_id, "hash", MINUTE) is None
            assert (await second.remove_attempts_before(START + 9 * MINUTE)).chat_ids == ()
            if place == "here":
                changed(path, began="1")  # the process that has its id now is another one
            passed[0] += SILENT_FOR + timedelta(seconds=1)
            await second.beat()
            assert not await second.others_run()
            assert await second.recover(always=False) == Recovered(replies=1, test_runs=1, calls=1)
            assert await second.recover(always=False) == Recovered(0, 0)
            assert (await second.kept_call(ada.id, chat_id, "hash", MINUTE)).turn == 3
            await second.leave()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT * FROM processes").fetchall() == []

    run(story())


def test_a_process_is_asked_for_where_it_runs():
    here = this_process()
    assert here.place
    assert not here.has_ended(here.place)
    assert replace(here, began="1").has_ended(here.place), "another one has its id now"
    assert not replace(here, began="1").has_ended("another machine")
    assert not RunningProcess("", here.pid, "1").has_ended("")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        theirs = RunningProcess(here.place, other.pid, _began(other.pid))
        assert not theirs.has_ended(here.place)
        other.kill()
        other.wait()
    assert theirs.has_ended(here.place)
