"""When revoked tokens are looked for, and what of a stream is still sent."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from api.auth import Access
from api.auth.access import LOOK_EVERY_S
from models.records.core import Grant
from models.store import Store
from pipeline.call.registry import CallLimits, Calls
from pipeline.replay.virtual_time import run_virtually
from pipeline.tasks.clock import LoopClock
from tests.pipeline.scene import engines, steadily


def accessed(story: Callable[[Store, Access], Awaitable[None]]) -> None:
    async def told(store: Store) -> None:
        async with (
            Calls(engines(), store, LoopClock(), CallLimits(), lambda: "id") as calls,
            Access(store, calls, LoopClock()) as access,
        ):
            await story(store, access)

    steadily(told, run_virtually)


async def granted(store: Store, user: str = "ada") -> tuple[Grant, str]:
    secret, token = await store.create_token(user)
    grant = await store.grant_for(secret)
    assert grant is not None
    return grant, token.id


def test_what_a_token_has_open_is_closed_within_five_seconds_of_its_revocation() -> None:
    async def story(store: Store, access: Access) -> None:
        (ada, token_id), (bob, _) = await granted(store), await granted(store, "bob")
        loop, closed = asyncio.get_running_loop(), list[tuple[str, float]]()
        with (
            access.holding(ada, lambda: closed.append(("ada", loop.time()))),
            access.holding(bob, lambda: closed.append(("bob", loop.time()))),
        ):
            await asyncio.sleep(LOOK_EVERY_S / 2)
            began = loop.time()
            await store.revoke_token(token_id)
            await asyncio.sleep(60)
        ((who, at),) = closed
        assert who == "ada"
        assert at - began <= 5

    accessed(story)


def test_nothing_is_asked_while_nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(store: Store, access: Access) -> None:
        asked = []
        standing = store.standing
        monkeypatch.setattr(store, "standing", lambda grants: (asked.append(len(grants)), standing(grants))[1])
        await asyncio.sleep(60)
        assert asked == []
        ada, _ = await granted(store)
        with access.holding(ada, lambda: None), access.holding(ada, lambda: None):
            await asyncio.sleep(10 * LOOK_EVERY_S + 0.1)
        assert asked in ([1] * 10, [1] * 11)

    accessed(story)


def test_everything_stays_open_while_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(store: Store, access: Access) -> None:
        ada, token_id = await granted(store)
        closed: list[str] = []
        with access.holding(ada, lambda: closed.append("ada")):
            with monkeypatch.context() as away:

                async def lost(_: object) -> set[Grant]:
                    raise OSError("connection to 10.0.0.7 refused")

                away.setattr(store, "standing", lost)
                await store.revoke_token(token_id)
                await asyncio.sleep(20)
                assert closed == []
            await asyncio.sleep(5)
        assert closed == ["ada"]

    with caplog.at_level(logging.WARNING):
        accessed(story)
    assert {record.getMessage() for record in caplog.records} == {
        "Revoked tokens cannot be looked up (OSError); trying again."
    }


def test_a_stream_ends_where_its_token_was_revoked() -> None:
    async def story(store: Store, access: Access) -> None:
        ada, token_id = await granted(store)
        ended: list[str] = []

        async def parts() -> AsyncIterator[int]:
            try:
                for number in range(100):
                    yield number
                    await asyncio.sleep(1)
            finally:
                ended.append("parts")

        async def nothing() -> AsyncIterator[int]:
            await asyncio.sleep(1e6)
            yield 0

        whole = [number async for number in access.until_revoked(ada, _few())]
        assert whole == [0, 1, 2]
        silent = asyncio.create_task(_all(access.until_revoked(ada, nothing())))
        taken = []
        async for number in access.until_revoked(ada, parts()):
            taken.append(number)
            if number == 2:
                await store.revoke_token(token_id)
        assert 3 <= len(taken) <= 3 + 5
        assert ended == ["parts"]
        assert await silent == []

    accessed(story)


def test_a_streams_own_timeout_is_its_own() -> None:
    async def story(store: Store, access: Access) -> None:
        ada, _ = await granted(store)

        async def late() -> AsyncIterator[int]:
            yield 0
            raise TimeoutError

        with pytest.raises(TimeoutError):
            await _all(access.until_revoked(ada, late()))

    accessed(story)


async def _few() -> AsyncIterator[int]:
    for number in range(3):
        yield number


async def _all(parts: AsyncIterator[int]) -> list[int]:
    return [part async for part in parts]
