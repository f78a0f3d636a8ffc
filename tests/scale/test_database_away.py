"""PostgreSQL killed under the callers of two gateways, and started again: nobody is cut, and no word is lost."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.scale.callers import Caller, callers, checked, further_answers, further_words, gateways
from tests.scale.sizes import CALLERS, WHOLE, shown
from tests.scale.twins import ask
from tests.servers.postgres import postgres_running
from tests.servers.process import ServiceProcess
from tests.service import http

pytestmark = pytest.mark.slow

AWAY_S = 10.0 if WHOLE else 4.0
"""After 15 s a gateway that reaches no database takes itself for the one that the others have given up."""


def refused(gateway: ServiceProcess) -> None:
    """Both say at every door, in JSON, that the database is away and when to come again."""
    answers: list[httpx.Response] = [
        http.get(f"{gateway.url}/ready"),
        ask(gateway, "/practice/search"),
        ask(gateway, "/attempt/start", practice_id="x"),
        ask(gateway, "/attempt/chat_get", chat_entry_id="x"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["Content-Type"]) == (503, "application/json"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
    assert answers[0].json()["database"] == "away"
    assert all("try again" in answer.json()["detail"] for answer in answers[1:])


def test_ten_seconds_without_the_database_cost_nobody_a_word(tmp_path: Path) -> None:
    async def story(two: list[ServiceProcess], away: ExitStack) -> tuple[list[Caller], int, float]:
        loop = asyncio.get_running_loop()
        async with callers([gateway.url for gateway in two], CALLERS) as made:
            for caller in made:
                caller.waits_for_storage = False
            await further_words(made, 1)
            await asyncio.to_thread(away.enter_context, server.away())
            away_at, before = loop.time(), sum(caller.answered for caller in made)
            await further_answers(made, 1)
            acknowledged = [len(caller.acknowledged) for caller in made]
            for gateway in two:
                await asyncio.to_thread(refused, gateway)
            for caller in made:
                caller.waits_for_end = True  # not to have said more than may wait
            await asyncio.sleep(max(0.0, away_at + AWAY_S - loop.time()))
            assert [len(caller.acknowledged) for caller in made] == acknowledged, (
                "what is not stored is not acknowledged"
            )
            words, away_s = sum(caller.answered for caller in made) - before, loop.time() - away_at
            await asyncio.to_thread(away.close)
            for caller in made:
                caller.waits_for_end = False
            await further_words(made, 2)
            for gateway in two:
                assert (await asyncio.to_thread(http.get, f"{gateway.url}/ready")).status_code == 200
        return made, words, away_s

    with postgres_running() as server, gateways(tmp_path, database_url=server.new_database()) as two:
        with ExitStack() as away:
            made, words, away_s = asyncio.run(story(two, away))
        checked(two[0].url, made)
        for caller in made:
            assert caller.client.reconnects == 0, "no connection was lost"
            assert caller.errors() == [("storage_failed", False)], "told once, and the call goes on"
        for gateway in two:
            assert "Traceback" not in gateway.log()
        shown(f"{len(made)} callers said {words} words in {away_s:.1f} s without the database, each stored once")
