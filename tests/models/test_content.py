"""Installing content and reading it back."""

from dataclasses import replace

import pytest

from models.errors import Invalid, NotFound
from models.records.core import Practice, Scenario
from tests.models.conftest import CONTENT


def everything(run, store):
    return {kind: run(getattr(store, kind)()) for kind in CONTENT}


def test_content_comes_back_as_it_was_given(run, store):
    for kind, records in CONTENT.items():
        assert sorted(run(getattr(store, kind)()), key=lambda record: record.id) == sorted(
            records, key=lambda record: record.id
        )
    assert run(store.persona("mo")) == CONTENT["personas"][0]
    assert run(store.scenario("late")) == CONTENT["scenarios"][0]
    assert run(store.document("map")) == CONTENT["documents"][1]
    assert run(store.simulation("desk")) == CONTENT["simulations"][0]
    assert run(store.practice("h1")) == CONTENT["practices"][1]


def test_installing_again_changes_nothing(run, store, attempt):
    before = everything(run, store)
    run(store.install(**CONTENT))
    assert everything(run, store) == before


def test_installing_changed_content_replaces_it_also_under_a_running_chat(run, store, chat_id):
    late = replace(CONTENT["scenarios"][0], name="Mo is early", persona_ids=("lee",), document_ids=("map", "rules"))
    run(store.install(scenarios=[late]))
    assert run(store.scenario("late")) == late
    context = run(store.context(chat_id))
    assert context.scenario == late
    assert [persona.id for persona in context.personas] == ["lee"]
    assert context.chat.name == "Mo is late"


def test_content_that_refers_to_nothing_is_refused_whole(run, store):
    before = everything(run, store)
    with pytest.raises(Invalid, match="neither in it nor installed"):
        run(
            store.install(
                scenarios=[Scenario("new", "New", persona_ids=("mo", "nobody"))],
                practices=[Practice("p2", "P", "desk")],
            )
        )
    assert everything(run, store) == before


@pytest.mark.parametrize("kind", ["persona", "document", "scenario", "simulation", "practice"])
def test_an_unknown_id_is_not_found(run, store, kind):
    with pytest.raises(NotFound, match="not found"):
        run(getattr(store, kind)("\ud800"))
