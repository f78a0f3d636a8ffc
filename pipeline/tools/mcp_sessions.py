"""Sessions with MCP servers, each kept open over a conversation: servers may remember what was asked before, and a
call needs no handshake.

The library's client has to be closed by the task that has opened it, so each session is a task of its own, which takes
calls one after the other, ends when none comes for a while, and is dropped when the server fails.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from models.records.tools import PersonaTool
from pipeline.conversation.tools import ToolFailed
from pipeline.tasks.clock import Clock
from pipeline.tools.addresses import Addresses
from pipeline.tools.calling import pin

IDLE_S = 300.0
"""A session that nobody used for this long is closed."""

SESSIONS_LIMIT = 256
"""Most sessions that are open; beyond it the one unused for longest is closed."""

WAITING_LIMIT = 8
"""Calls that wait for one session."""

ASKED_AFTER_S = 20.0
"""A session that was unused for longer is asked whether it is still there, before a call that may have effects."""

ANSWER_S = 2.0
REQUEST_S = 60.0
"""The longest timeout of a tool."""

_LATE = "The service behind this tool gave no answer in time."
_BUSY = "The service behind this tool is busy; try again in a moment."


class _Stale(Exception):
    """The server does not know the session any more; the call was not sent."""


@dataclass(frozen=True, slots=True)
class _McpCall:
    tool: PersonaTool
    arguments: dict[str, Any]
    answered: asyncio.Future[Any]


@dataclass(eq=False, slots=True)
class _McpSession:
    calls: asyncio.Queue[_McpCall] = field(default_factory=lambda: asyncio.Queue(WAITING_LIMIT))
    used_at: float | None = None
    stale: bool = False
    task: asyncio.Task[None] | None = None


class McpSessions:
    """The open sessions, by conversation, server and headers. Close them.

    Args:
        addresses: which ones may be called.
        clock: the source of time.
    """

    def __init__(self, addresses: Addresses, clock: Clock) -> None:
        self._addresses = addresses
        self._clock = clock
        self._sessions: dict[tuple[Any, ...], _McpSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    async def call(
        self, chat_id: str, tool: PersonaTool, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Any:
        """Call a tool in the conversation's session, which is opened if there is none; a stale one is replaced.

        Raises:
            ToolFailed: too many calls wait for it.
            Exception: whatever the library raises.
        """
        key = (chat_id, tool.url, tuple(sorted(headers.items())))
        try:
            return await self._asked(key, tool, arguments, headers)
        except _Stale:
            return await self._asked(key, tool, arguments, headers)

    async def close(self) -> None:
        """Close all sessions."""
        await self._end(list(self._sessions))

    async def _asked(
        self, key: tuple[Any, ...], tool: PersonaTool, arguments: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Any:
        session = self._sessions.pop(key, None)
        if session is None:
            await self._end(list(self._sessions)[: len(self._sessions) - SESSIONS_LIMIT + 1])
            session = _McpSession()
            carried = self._carry(key, session, tool, dict(headers))
            session.task = asyncio.create_task(carried, name="MCP session")
        self._sessions[key] = session  # the last one is the one used last
        call = _McpCall(tool, dict(arguments), asyncio.get_running_loop().create_future())
        try:
            session.calls.put_nowait(call)
        except asyncio.QueueFull:
            raise ToolFailed(_BUSY) from None
        return await call.answered

    async def _end(self, keys: list[tuple[Any, ...]]) -> None:
        tasks = [session.task for key in keys if (session := self._sessions.pop(key, None)) and session.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(
        self, key: tuple[Any, ...], session: _McpSession, tool: PersonaTool, headers: dict[str, str]
    ) -> None:
        """Open a session, answer its calls one by one, and close it."""
        current: _McpCall | None = None
        failure: BaseException = ToolFailed(_BUSY)
        try:
            async with self._client(tool, headers) as client:
                try:
                    while (current := await self._next(session)) is not None:
                        await self._answer(session, client, current)
                        current = None
                finally:
                    self._forget(key, session)  # no further call may wait for it while it closes
        except BaseException as error:
            failure = _Stale() if session.stale else error if isinstance(error, Exception) else failure
            if not isinstance(error, Exception):
                raise
        finally:
            self._forget(key, session)
            waiting = [] if current is None else [current]
            while not session.calls.empty():
                waiting.append(session.calls.get_nowait())
            for call in waiting:
                if not call.answered.done():
                    call.answered.set_exception(failure)

    def _forget(self, key: tuple[Any, ...], session: _McpSession) -> None:
        if self._sessions.get(key) is session:
            del self._sessions[key]

    async def _answer(self, session: _McpSession, client: Any, call: _McpCall) -> None:
        if call.answered.done():
            return  # nobody waits for it any more
        await self._check(session, client)
        try:
            async with asyncio.timeout(call.tool.timeout_s):
                result = await client.call_tool(call.tool.target, call.arguments)
        except TimeoutError:
            if not call.answered.done():
                call.answered.set_exception(ToolFailed(_LATE))
            raise
        session.used_at = self._clock.now()
        if not call.answered.done():
            call.answered.set_result(result)

    async def _check(self, session: _McpSession, client: Any) -> None:
        if session.used_at is None or self._clock.now() - session.used_at < ASKED_AFTER_S:
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                await client.session.list_tools()  # in every version of the protocol, and without effects
        except Exception:
            session.stale = True
            raise

    async def _next(self, session: _McpSession) -> _McpCall | None:
        """Wait for the next call; None when none came for a while."""
        coming = asyncio.ensure_future(session.calls.get())
        idle = asyncio.ensure_future(self._clock.sleep(IDLE_S))
        try:
            await asyncio.wait({coming, idle}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else None
        finally:
            for waiting in (coming, idle):
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting

    def _client(self, tool: PersonaTool, headers: dict[str, str]) -> "_PinnedClient":
        return _PinnedClient(self._addresses, tool, headers)


class _PinnedClient:
    """The library's client, whose requests go to checked addresses."""

    def __init__(self, addresses: Addresses, tool: PersonaTool, headers: dict[str, str]) -> None:
        self._addresses = addresses
        self._tool = tool
        self._headers = headers

    async def __aenter__(self) -> Any:
        import httpx2  # these take half a second to import, and most services do not need them
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        addresses, tool = self._addresses, self._tool

        class Pinned(httpx2.AsyncHTTPTransport):
            """Sends requests to checked addresses; see `calling.PinnedTransport`."""

            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                await pin(request, addresses)
                return await super().handle_async_request(request)

        transport = Pinned(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))
        timeout = httpx2.Timeout(REQUEST_S)
        self._http = httpx2.AsyncClient(transport=transport, trust_env=False, headers=self._headers, timeout=timeout)
        await self._http.__aenter__()
        try:
            stream = streamable_http_client(tool.url, http_client=self._http)
            self._client = Client(stream, read_timeout_seconds=REQUEST_S)
            return await self._client.__aenter__()
        except BaseException:
            await self._http.__aexit__(None, None, None)
            raise

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._client.__aexit__(*error)
        finally:
            await self._http.__aexit__(None, None, None)
