"""Sessions with MCP servers: one a conversation, opened again where it was lost, and closed when nobody uses it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from models.records.tools import PersonaTool
from pipeline.conversation.tools import ToolFailed
from pipeline.tools import mcp_sessions
from pipeline.tools.addresses import Addresses
from pipeline.tools.mcp_sessions import McpSessions
from tests.servers.shop import mcp_shop


class Hands:
    """A clock whose hands the test moves."""

    def __init__(self) -> None:
        self._now = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        while self._now < until:
            await self._moved.wait()

    def move(self, seconds: float) -> None:
        self._now += seconds
        self._moved.set()
        self._moved = asyncio.Event()


def tool(url: str, name: str = "stock", **chosen: Any) -> PersonaTool:
    return PersonaTool("shop", "Asks the shop.", "mcp", url=url, target=name, **chosen)


@dataclass
class Visits:
    """A shop, and the sessions with it."""

    sessions: McpSessions
    clock: Hands
    url: str
    methods: list[str]

    @property
    def handshakes(self) -> int:
        """How often a session was begun."""
        return sum(method in ("initialize", "server/discover") for method in self.methods)

    async def ask(self, chat: str, name: str = "stock", **chosen: Any) -> str:
        result = await self.sessions.call(chat, tool(self.url, name, **chosen), {"item": "lamps"}, {})
        return str(result.content[0].text)


def visits(story: Callable[[Visits], Awaitable[None]]) -> None:
    """Play a story with a shop of its own."""
    methods: list[str] = []
    with mcp_shop(methods) as url:

        async def played() -> None:
            clock = Hands()
            sessions = McpSessions(Addresses(("127.0.0.1",)), clock)
            try:
                await story(Visits(sessions, clock, url, methods))
            finally:
                await sessions.close()
            assert len(sessions) == 0

        asyncio.run(played())


def test_the_calls_of_a_chat_share_a_session_and_those_of_others_do_not() -> None:
    async def story(shop: Visits) -> None:
        for _ in range(3):
            assert await shop.ask("one") == "There are 7 of lamps."
        assert shop.handshakes == 1
        await shop.ask("two")
        assert (shop.handshakes, len(shop.sessions)) == (2, 2)
        await asyncio.gather(*(shop.ask("one") for _ in range(5)))
        assert shop.handshakes == 2
        assert shop.methods.count("tools/call") == 9

    visits(story)


def test_a_session_that_nobody_uses_is_closed_and_the_next_call_opens_another() -> None:
    async def story(shop: Visits) -> None:
        await shop.ask("one")
        shop.clock.move(mcp_sessions.ASKED_AFTER_S + 1)
        await shop.ask("one")
        assert shop.handshakes == 1
        async with asyncio.timeout(100):
            while len(shop.sessions):
                shop.clock.move(mcp_sessions.IDLE_S + 1)
                await asyncio.sleep(0)
        await shop.ask("one")
        assert shop.handshakes == 2

    visits(story)


def test_a_server_that_hangs_costs_its_session_and_the_next_call_has_a_fresh_one() -> None:
    async def story(shop: Visits) -> None:
        await shop.ask("one")
        with pytest.raises(ToolFailed, match="in time"):
            await shop.ask("one", "hangs", timeout_s=0.3)
        assert await shop.ask("one") == "There are 7 of lamps."
        assert shop.handshakes == 2

    visits(story)


def test_a_server_that_is_gone_is_a_failure_and_others_go_on() -> None:
    async def story(shop: Visits) -> None:
        await shop.ask("one")
        with mcp_shop() as elsewhere:
            gone = Visits(shop.sessions, shop.clock, elsewhere, [])
            await gone.ask("one")
        shop.clock.move(mcp_sessions.ASKED_AFTER_S + 1)
        with pytest.raises(Exception, match=r"."):  # nobody is there any more
            await gone.ask("one")
        assert await shop.ask("one") == "There are 7 of lamps."

    visits(story)


def test_the_session_unused_for_longest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_sessions, "SESSIONS_LIMIT", 2)

    async def story(shop: Visits) -> None:
        for chat in ("one", "two", "one", "three"):
            await shop.ask(chat)
        assert (shop.handshakes, len(shop.sessions)) == (3, 2)
        await shop.ask("one")
        assert shop.handshakes == 3
        await shop.ask("two")
        assert shop.handshakes == 4

    visits(story)
