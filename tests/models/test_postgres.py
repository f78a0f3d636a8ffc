"""The same store on PostgreSQL, where writers do not wait for each other as they do in SQLite."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from models.errors import Conflict
from models.records.core import Document
from models.store import Store
from models.tables.base import Base
from tests.models.conftest import CONTENT
from tests.models.test_removal import fill
from tests.servers.postgres import Postgres, postgres_running


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_running() as server:
        yield server


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


@pytest.fixture
def store(run, url) -> Iterator[Store]:
    store = Store(url)
    run(store.open())
    run(store.install(**CONTENT))
    yield store
    run(store.close())


def at_once(run, *verbs):
    """What each of the verbs returned or raised, all begun at the same time."""

    async def together():
        return await asyncio.gather(*verbs, return_exceptions=True)

    return run(together())


def test_a_new_database_has_exactly_the_tables_of_the_code(run, store, url):
    def differences(connection):
        own = {"include_name": lambda name, kind, parents: name not in ("words", "documents_fts")}
        return compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, **own}), Base.metadata
        )

    async def compared():
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found = await connection.run_sync(differences)
        await engine.dispose()
        return found

    assert run(compared()) == []


def test_two_processes_may_start_on_a_new_database_at_once(run, url):
    stores = [Store(url), Store(url)]
    try:
        assert at_once(run, *(store.open() for store in stores)) == [None, None]
        assert at_once(run, *(store.install(**CONTENT) for store in stores)) == [None, None]
    finally:
        at_once(run, *(store.close() for store in stores))


def test_documents_are_found_as_in_sqlite(run, store, ada):
    def names(search):
        return [document.name for document in run(store.find_documents(ada.id, search))]

    words = " ".join(f"word{number}" for number in range(120_000))
    run(
        store.install(
            documents=[
                Document(
                    "rules", "House rules", text="Be punctual, and be punctual again; it is the rule from ten o'clock."
                ),
                Document("extra", "Punctual", text="Nothing."),
                Document("long", "A million letters", text=words[:1_000_000]),
            ]
        )
    )
    assert names("punctual") == ["Punctual", "House rules"], "a name counts for more than a text"
    assert names("punct") == ["Punctual", "House rules"], "a word may be unfinished"
    assert names("rule punctual") == ["House rules"], "every word must be there"
    assert names("-punctual") == ["Punctual", "House rules"], "nothing that is typed is syntax"
    for odd in ("'", "\\", "it's \\ & | ! ( ) :* <->", '"', "\x00", "!!"):
        names(odd)
    assert names("o'clock") == ["House rules"]
    assert names("word17") == ["A million letters"]
    assert run(store.document_snippets("rule"))["rules"].startswith("punctual again; it is the rule")
    # Candidates of a search: any form of a word, also beyond what the index holds of a long document.
    odd = run(store.documents_with(ada.id, ["rules", "word17", "word80000", "o'clock", "' | \\", "the", "\x00"]))
    assert odd == {
        "rules": ["rules"], "word17": ["long"], "word80000": ["long"], "o'clock": ["rules"], "' | \\": [], "the": [],
        "\x00": [],
    }  # fmt: skip
    assert run(store.count_documents(ada.id)) == 4


def test_a_staged_call_is_carried_out_once(run, store, ada):
    staged = at_once(run, *(store.stage_call(ada.id, "op", "chat", {"number": number}) for number in range(10)))
    assert not [result for result in staged if isinstance(result, Exception)]
    taken = at_once(run, *(store.take_staged_call(ada.id, "op", "chat") for _ in range(10)))
    assert sum(result is not None for result in taken) == 1


def test_a_run_of_a_test_is_claimed_once(run, store, ada):
    test = run(store.start_test(ada.id, "benchmark", ["original"]))
    claim = [store.update_test_run(test.runs[0].id, "running", only_from=("pending",)) for _ in range(10)]
    assert sum(result is not None for result in at_once(run, *claim)) == 1
    at_once(run, *(store.add_test_runs(ada.id, test.id, ["original"]) for _ in range(5)))
    positions = [item.position for item in run(store.own_test(ada.id, test_id=test.id)).runs]
    assert positions == list(range(6))


def test_a_user_is_added_once(run, store):
    users = at_once(run, *(store.user_named("bob") for _ in range(10)))
    assert len({user.id for user in users}) == 1
    tokens = at_once(run, *(store.create_token("eve") for _ in range(10)))
    assert len({token.user.id for _, token in tokens}) == 1
    made = at_once(run, *(store.create_user("kim") for _ in range(10)))
    assert Counter(type(result).__name__ for result in made) == {"User": 1, "Conflict": 9}


def test_one_query_says_which_grants_stand_and_one_caller_spends_an_invite(run, store):
    (secret, token), (other, _) = run(store.create_token("ada")), run(store.create_token("bob"))
    client_secret, client = run(store.create_oauth_client("eve"))
    access = run(store.issue_access_token(client.id, client_secret, "api/access", timedelta(hours=1)))
    grants = [run(store.grant_for(each)) for each in (secret, other, access)]
    assert run(store.standing(grants)) == set(grants)
    run(store.revoke_token(token.id))
    assert run(store.standing(grants)) == set(grants[1:])
    assert run(store.standing(grants[:1])) == set()
    run(store.revoke_oauth_client(client.id))
    assert run(store.standing(grants)) == {grants[1]}
    _, invite = run(store.create_token("ada", scope="invite", persona_id="mo"))
    spent = at_once(run, *(store.spend_token(invite.id) for _ in range(10)))
    assert sorted(spent) == [False] * 9 + [True]


def test_a_draft_has_one_winner_and_a_chat_one_order(run, store, ada, attempt, chat_id):
    draft = run(store.save_draft(ada.id, {"name": "First"}))
    saves = (store.save_draft(ada.id, {"name": str(n)}, draft_id=draft.id, expected_version=1) for n in range(10))
    results = at_once(run, *saves)
    assert sum(isinstance(result, Conflict) for result in results) == 9
    said = at_once(run, *(store.add_message(chat_id, "user", str(n), origin="typed") for n in range(30)))
    kept = run(store.messages(chat_id))
    assert {message.id for message in kept} == {message.id for message in said}
    assert [message.parent_id for message in kept] == [None, *(message.id for message in kept[:-1])]
    added = at_once(run, *(store.add_chat(ada.id, attempt.id, scenario_id="late", name="More") for _ in range(10)))
    assert sorted(chat.position for chat in added) == list(range(2, 12))


def test_a_removed_chat_is_gone_for_every_writer(run, store, ada, attempt, chat_id):
    run(fill(store, ada.id, chat_id, "secret"))
    removals = at_once(run, *(store.remove_chat(ada.id, chat_id) for _ in range(5)))
    assert sorted(type(result).__name__ for result in removals) == [*["NotFound"] * 4, "RemovedChats"]
    run(fill(store, ada.id, attempt.chats[0].id, "old"))
    assert len(run(store.remove_attempts_before(store.now() + timedelta(days=1))).audio_ids) == 1
    assert run(store.remove_leftovers_before(store.now())).audio_ids == ()


def test_an_earlier_chat_is_taken_over_once(run, store, ada, attempt, chat_id):
    run(store.add_message(chat_id, "user", "Hello.", origin="typed"))
    run(store.complete_chat(chat_id))
    later = run(store.start_attempt(ada.id, practice_id="p1"))
    mine = next(chat.id for chat in later.chats if chat.scenario_id == "late")
    taken = at_once(run, *(store.take_over(ada.id, later.id, {mine: chat_id}) for _ in range(5)))
    assert Counter(type(result).__name__ for result in taken) == {"Attempt": 1, "Conflict": 4}
    assert [message.text for message in run(store.messages(mine))] == ["Hello."]
