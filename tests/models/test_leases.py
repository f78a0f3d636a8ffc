"""One process may write in a call: claims, adoption, and the fence around what an earlier one still writes."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from models import pulse
from models.errors import Conflict, LeaseLost
from models.store import Store
from models.store.leases import SILENT_HERE_FOR, held
from models.store.open_calls import lease_of
from models.store.processes import Recovered
from tests.models.conftest import CONTENT
from tests.models.test_recovery import kept
from tests.servers.postgres import Postgres, postgres_running
from tests.stores import lay_database

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres").new_database())
    lay_database(tmp_path / "glow.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'glow.db'}"


@pytest.fixture
def two(run, url) -> Iterator[tuple[Store, Store]]:
    """Two processes' stores of one database."""
    first, second = Store(url), Store(url)
    for store in (first, second):
        run(store.open())
    run(first.install(**CONTENT))
    for store in (first, second):
        run(store.join(address=f"http://{uuid4()}"))
    yield first, second
    for store in (first, second):
        run(store.close())


@pytest.fixture
def call(run, two):
    """What names a call of ada's, not claimed yet."""
    store = two[0]
    ada = run(store.create_user("ada"))
    return kept(ada, run(store.start_attempt(ada.id, practice_id="p1")).chats[1].id)


async def silence(store: Store) -> None:
    """Have a process be silent for longer than it may."""
    async with store._writing() as session:
        await session.execute(
            text("UPDATE processes SET seen_at = :then WHERE id = :id"),
            {"then": store.now() - SILENT_HERE_FOR - timedelta(seconds=1), "id": store.process_id}
            if session.bind.dialect.name == "postgresql"
            else {
                "then": str(store.now().replace(tzinfo=None) - SILENT_HERE_FOR - timedelta(seconds=1)),
                "id": store.process_id,
            },
        )


async def written(store, lease, message_id):
    with held(lease):
        await store.add_message(lease.chat_id, "user", message_id, origin="typed", id=message_id)


def test_of_two_processes_that_open_one_chat_at_once_one_has_it(run, two, call):
    async def race():
        return await asyncio.gather(*(store.claim_call(call) for store in two), return_exceptions=True)

    outcomes = run(race())
    won = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [Conflict]
    assert [one.epoch for one in won] == [1]
    carrier = run(two[won[0].process_id == two[0].process_id].carrier(chat_id=call.chat_id))
    assert (carrier.process_id, carrier.gone) == (won[0].process_id, False)
    assert carrier.address.startswith("http://")
    assert run(two[won[0].process_id != two[0].process_id].carrier(conversation_id="call")) is None, "it is its own"


def test_of_ten_that_adopt_a_released_call_at_once_one_gets_it(run, two, call):
    first, second = two
    claimed = run(first.claim_call(call))
    with pytest.raises(Conflict):
        run(second.claim_call(claimed, over=claimed.epoch))
    assert run(first.keep_calls(released=[replace(claimed, turn=7)])) == frozenset()
    found = run(second.kept_call(call.user_id, call.chat_id, "hash", HOUR))
    assert (found.turn, found.epoch) == (7, 1)

    async def race():
        stores = (first, second) * 5
        return await asyncio.gather(*(store.claim_call(found, over=1) for store in stores), return_exceptions=True)

    outcomes = run(race())
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 9 + ["KeptCall"]
    (adopted,) = [one for one in outcomes if not isinstance(one, Exception)]
    assert adopted.epoch == 2


def test_a_process_that_was_silent_is_fenced_off_and_its_row_stays_as_its_heir_left_it(run, two, call):
    first, second = two
    old = run(first.claim_call(call))
    run(written(first, lease_of(old), "before"))
    run(silence(first))
    run(second.recover(always=False))
    with pytest.raises(LeaseLost):
        run(written(first, lease_of(old), "released, and adopted by nobody yet"))
    new = run(second.claim_call(call, over=old.epoch))
    assert new.epoch == 2
    with pytest.raises(LeaseLost):
        run(written(first, lease_of(old), "late"))
    run(written(second, lease_of(new), "after"))
    assert run(first.keep_calls([replace(old, turn=99)])) == {call.chat_id}, "it is told"
    run(first.keep_calls(released=[old]))
    run(first.keep_calls(ended=[old]))
    run(second.keep_calls(released=[replace(new, turn=4)]))
    assert run(second.kept_call(call.user_id, call.chat_id, "hash", HOUR)).turn == 4
    assert [message.text for message in run(first.messages(call.chat_id))] == ["before", "after"]
    assert not run(first.beat()).entered, "it was crossed out"


def test_a_claim_goes_over_a_silent_process_before_anybody_has_recovered_it(run, two, call):
    first, second = two
    run(first.claim_call(call))
    with pytest.raises(Conflict):
        run(second.claim_call(call))
    run(silence(first))
    assert run(second.carrier(chat_id=call.chat_id)).gone
    assert run(second.claim_call(call)).epoch == 2


def test_a_process_that_cannot_write_is_seen_by_its_pulse_with_sqlite(run, two, call):
    first, second = two
    run(first.claim_call(call))
    first.pulse()
    assert (pulse.latest_beat(first.process_id) is not None) == first.is_local
    run(silence(first))
    if first.is_local:
        assert not run(second.carrier(chat_id=call.chat_id)).gone
        assert run(second.recover(always=False)) == Recovered(0, 0)
        with pytest.raises(Conflict):
            run(second.claim_call(call))
        assert run(second.beat()).by_pulse
        assert run(second.takes_calls(first.process_id))
        pulse.beat(first.process_id, first.now() - SILENT_HERE_FOR - timedelta(seconds=1))  # it is frozen
        assert run(second.carrier(chat_id=call.chat_id)).gone
    assert not run(second.beat()).others
    assert run(second.recover(always=False)) == Recovered(0, 0, 1)
    assert pulse.latest_beat(first.process_id) is None, "no file is left of it"


def test_who_sees_no_pulse_of_another_takes_its_own_for_unseen(run, two):
    first, second = two
    second.pulse()
    assert not run(second.beat()).by_pulse, "the other one may be of a version that does not look for it"
    first.pulse()
    assert run(second.beat()).by_pulse == second.is_local
    run(second.leave())
    run(first.leave())
    assert [pulse.latest_beat(store.process_id) for store in two] == [None, None]


def test_a_lease_lasts_until_its_transaction_ends(run, two, call):
    first, second = two
    old = run(first.claim_call(call))
    run(silence(first))

    async def story():
        with held(lease_of(old)):
            async with first._writing():
                recovering = asyncio.create_task(second.recover(always=False))
                done, _ = await asyncio.wait([recovering], timeout=0.2)
                assert not done, "whoever takes over waits"
        return await recovering

    assert run(story()) == Recovered(0, 0, 1)


def test_a_beat_in_time_keeps_the_calls(run, two, call):
    first, second = two
    run(first.claim_call(call))
    standing = run(first.beat(address="http://here", state="draining"))
    assert (standing.entered, standing.others) == (True, True)
    assert run(second.recover(always=False)) == Recovered(0, 0)
    assert run(second.carrier(chat_id=call.chat_id)).address == "http://here"


def test_who_leaves_releases_what_it_has(run, two, call):
    first, second = two
    run(first.claim_call(call))
    run(first.leave())
    assert run(second.kept_call(call.user_id, call.chat_id, "hash", HOUR)).epoch == 1
    assert not run(second.beat()).others
