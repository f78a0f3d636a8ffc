"""What the next process makes of what a killed one left: half-said replies, running test runs, open calls."""

from dataclasses import replace
from datetime import timedelta

from models.records.open_calls import KeptCall
from models.store.processes import Recovered
from tests.models.conftest import START

MINUTE = timedelta(minutes=1)


def kept(ada, chat_id):
    return KeptCall(
        chat_id=chat_id,
        user_id=ada.id,
        conversation_id="call",
        group_id="group",
        resume_hash="hash",
        persona_id="mo",
        input={"encoding": "pcm16", "rate_hz": 16_000, "channels": 1},
        output={},
        settings={"rules": {"manual": True}},
        recorded=False,
        turn=3,
        reply_id=None,
        began_at=START,
    )


def test_a_half_said_reply_is_completed_by_what_was_heard(run, store, chat_id):
    said = run(store.add_message(chat_id, "user", "Hello.", origin="spoken"))
    half = run(store.add_message(chat_id, "assistant", "", origin="spoken", completed=False))
    run(store.update_message(half.id, text="Sorry, the", heard_ms=900))
    assert run(store.recover()) == Recovered(replies=1, test_runs=0)
    assert run(store.messages(chat_id)) == (
        said,
        replace(half, text="Sorry, the", heard_ms=900, interrupted=True, completed=True),
    )
    assert run(store.recover()) == Recovered(0, 0)


def test_a_call_owes_its_owner_the_end_of_a_half_said_reply_of_which_its_row_did_not_know(run, store, ada, chat_id):
    claimed = run(store.claim_call(kept(ada, chat_id)))
    first = run(store.add_message(chat_id, "assistant", "", origin="spoken", completed=False))
    run(store.recover())
    assert run(store.kept_call(ada.id, chat_id, "hash", MINUTE)).reply_id == first.id
    claimed = run(store.claim_call(claimed, over=claimed.epoch))
    run(store.keep_calls(released=[claimed]))
    second = run(store.add_message(chat_id, "assistant", "", origin="spoken", completed=False))
    assert run(store.claim_call(claimed, over=claimed.epoch)).reply_id == second.id != first.id


def test_a_running_test_run_has_failed(run, store, ada):
    test = run(store.start_test(ada.id, "benchmark", ["one", "two"]))
    run(store.update_test_run(test.runs[0].id, "running"))
    assert run(store.recover()) == Recovered(replies=0, test_runs=1)
    assert [item.status for item in run(store.own_test(ada.id, test_id=test.id)).runs] == ["failed", "pending"]


def test_a_kept_call_is_its_owners_once_no_process_carries_it(run, store, ada, chat_id):
    call = run(store.claim_call(kept(ada, chat_id)))
    assert run(store.kept_call(ada.id, chat_id, "hash", MINUTE)) is None, "a process carries it"
    run(store.recover())
    found = run(store.kept_call(ada.id, chat_id, "hash", MINUTE))
    assert found == replace(call, released_at=found.released_at)
    assert run(store.kept_call("eve", chat_id, "hash", MINUTE)) is None
    assert run(store.kept_call(ada.id, chat_id, "another", MINUTE)) is None
    call = run(store.claim_call(replace(call, turn=4), over=call.epoch))
    assert run(store.kept_call(ada.id, chat_id, "hash", MINUTE)) is None, "it is carried again"
    run(store.keep_calls(ended=[call]))
    run(store.recover())
    assert run(store.kept_call(ada.id, chat_id, "hash", MINUTE)) is None


def test_a_call_released_long_ago_is_forgotten(run, store, ada, chat_id):
    call = run(store.claim_call(kept(ada, chat_id)))
    run(store.keep_calls(released=[replace(call, released_at=START - MINUTE)]))
    assert run(store.kept_call(ada.id, chat_id, "hash", MINUTE)) is None
    assert run(store.kept_call(ada.id, chat_id, "hash", timedelta(hours=1))) is not None
    run(store.recover())
    run(store.forget_calls(timedelta(hours=1)))
    assert run(store.kept_call(ada.id, chat_id, "hash", timedelta(hours=1))) is not None
    run(store.forget_calls(MINUTE))
    assert run(store.kept_call(ada.id, chat_id, "hash", timedelta(hours=1))) is None
