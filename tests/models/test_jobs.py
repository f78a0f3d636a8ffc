"""Work under way: one piece at a time for what it locks, and what becomes of that of a process that is gone."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from models.errors import Conflict
from models.records.jobs import Job
from models.store import Store
from tests.models.conftest import START


def job(ada, ident="one", lock="chat 1", **fields):
    return Job(ident, "reply", ada.id, "chat 1", lock, {"group_id": "g", "message_id": ident}, **fields)


def test_what_a_job_locks_no_other_begins_until_it_is_over(run, store, ada, url):
    async def story():
        await store.join()
        async with Store(url) as second:
            await second.join()
            assert await store.begin_job(job(ada)) is None
            held = job(ada, process_id=store.process_id)
            for asker in (store, second):
                assert await asker.begin_job(job(ada, "two")) == held
                assert await asker.job("one") == held
                assert await asker.jobs("reply", ada.id, chat_ids=["chat 1"]) == [held]
                assert await asker.jobs("reply", ada.id) == [held]
                assert await asker.jobs("hint", ada.id) == await asker.jobs("reply", "eve") == []
                assert await asker.jobs("reply", ada.id, chat_ids=["chat 2"]) == []
            assert await second.begin_job(job(ada, "other", "chat 2")) is None
            for number in range(2):
                assert await second.begin_job(job(ada, f"without {number}", None)) is None
            assert await second.fail_lost_jobs() == [], "both processes run"
            await store.end_job("one")
            await store.end_job("one")
            assert await second.begin_job(job(ada, "two")) is None
            with pytest.raises(Conflict):
                await second.begin_job(job(ada, "two", "chat 3"))

    run(story())


def test_a_stop_is_found_by_the_process_that_does_the_work(run, store, ada, url):
    async def story():
        await store.join()
        async with Store(url) as second:
            await second.join()
            await store.begin_job(job(ada))
            await second.begin_job(job(ada, "two", None))
            await second.ask_to_stop(["one", "unknown"])
            assert (await store.asked_to_stop(), await second.asked_to_stop()) == (["one"], [])

    run(story())


def gone(path, process_id):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM processes WHERE id = ?", (process_id,))
        connection.commit()


def test_the_work_of_a_process_that_is_gone_is_failed_once_and_what_it_still_stores_is_refused(
    run, store, ada, chat_id, path, url
):
    async def story():
        await store.join()
        await store.begin_job(job(ada))
        async with Store(url, now=lambda: START + timedelta(days=1)) as second:
            await second.join()
            gone(path, store.process_id)
            assert await second.begin_job(job(ada, "two")) is None, "nobody does what it waited for"
            await store.begin_job(job(ada, "hint", None))
            assert [one.id for one in await second.fail_lost_jobs()] == ["hint"]
            assert await second.fail_lost_jobs() == []
            assert await second.job("one") is None
            with pytest.raises(Conflict, match="taken this work over"):
                await store.add_message(chat_id, "assistant", "Late.", origin="typed", job_id="one")
            assert await store.messages(chat_id) == ()
            stored = await second.add_message(chat_id, "assistant", "Here.", origin="typed", job_id="two")
            assert await second.job("two") is None, "it is over with its message"
            assert await store.messages(chat_id) == (stored,)
            await store.end_job("one")
            assert sorted(one.id for one in await second.take_failed_jobs(ada.id)) == ["hint", "one"]
            assert await second.take_failed_jobs(ada.id) == []

    run(story())


def test_failures_are_forgotten(run, store, ada, path, url):
    async def story():
        await store.join()
        await store.begin_job(job(ada))
        async with Store(url, now=lambda: START) as second:
            await second.join()
            gone(path, store.process_id)
            assert len(await second.fail_lost_jobs()) == 1
            await second.forget_failed_jobs(START)
            await second.forget_failed_jobs(START + timedelta(seconds=1))
            assert await second.take_failed_jobs(ada.id) == []

    run(story())
