"""The tools of a persona, ready to run; and the responder that gives them to each reply."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from models.errors import ModelError
from models.records.core import Persona
from models.records.tools import PersonaTool
from pipeline.conversation.reply import ReplyContext, ReplyPart, Responder
from pipeline.conversation.tools import Tool, ToolFailed, ToolResult
from pipeline.tasks.clock import Clock, LoopClock
from pipeline.tools.addresses import Addresses
from pipeline.tools.calling import HttpCalls
from pipeline.tools.looking_up import look_up
from pipeline.tools.secrets import Secrets, missing
from pipeline.tools.servers import McpServers

log = logging.getLogger(__name__)

RUNNING_LIMIT = 64
"""Calls of tools that run at once, of all conversations; further ones wait, within their timeouts."""

SetField = Callable[[str, str, str], Awaitable[None]]
"""Notes a value in a chat: the chat's id, the field, the value."""

KEEPING_S = 2.0
"""How long a reply waits until the call of a tool is stored."""


class KeepCall(Protocol):
    """Keeps the call of a tool in a chat; see `Store.keep_tool_call`."""

    async def __call__(self, chat_id: str, name: str, arguments: str, result: str, /, *, failed: bool) -> None:
        """Keep it."""
        ...


class Workshop:
    """Makes the tools of personas. Close it.

    Args:
        addresses: which ones may be called.
        secrets: what headers name.
        set_field: notes a value in a chat.
        keep: keeps each call of a tool in its chat; None to keep none.
        clock: the source of time.
    """

    def __init__(
        self,
        addresses: Addresses,
        secrets: Secrets,
        set_field: SetField,
        keep: KeepCall | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._secrets = secrets
        self._http = HttpCalls(addresses, secrets)
        self._servers = McpServers(addresses, secrets, clock or LoopClock())
        self._set_field = set_field
        self._keep = keep
        self._running = asyncio.Semaphore(RUNNING_LIMIT)

    def tools_of(self, context: ReplyContext) -> tuple[Tool, ...]:
        """Return the tools of a reply: those of the call, as the persona describes them, and its own."""
        described = {tool.name: tool.description for tool in context.persona.tools if tool.description}
        own = {tool.name for tool in context.tools}
        given = tuple(replace(tool, description=described.get(tool.name, tool.description)) for tool in context.tools)
        return (*given, *(self._tool(tool, context) for tool in context.persona.tools if self._fits(tool, own)))

    def check(self, personas: Iterable[Persona]) -> None:
        """Log which secrets of personas' tools are not set."""
        for persona in personas:
            for tool in persona.tools:
                for name in missing(tool.headers, self._secrets):
                    log.warning("%s cannot use the tool '%s': set GLOW_SECRET_%s.", persona.name, tool.name, name)

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()
        await self._http.close()

    @staticmethod
    def _fits(tool: PersonaTool, taken: set[str]) -> bool:
        return tool.kind not in ("end_call", "transfer") and tool.name not in taken

    def _tool(self, tool: PersonaTool, context: ReplyContext) -> Tool:
        run: Callable[[Mapping[str, Any]], Awaitable[ToolResult]]
        match tool.kind:
            case "look_up":
                run = partial(_looked_up, context)
            case "set_field":
                run = partial(self._noted, context.chat_id, tool.target)
            case "mcp":
                run = partial(self._called, partial(self._servers.run, context.chat_id), tool)
            case _:
                run = partial(self._called, self._http.run, tool)
        if self._keep is not None and context.chat_id:
            run = partial(self._kept, self._keep, run, context.chat_id, tool.name)
        ahead = tool.ahead or tool.kind == "look_up"
        return Tool(tool.name, tool.description, run, tool.parameters, tool.timeout_s, ahead)

    async def _called(
        self,
        call: Callable[[PersonaTool, Mapping[str, Any]], Awaitable[ToolResult]],
        tool: PersonaTool,
        arguments: Mapping[str, Any],
    ) -> ToolResult:
        async with self._running:
            return await call(tool, arguments)

    async def _kept(
        self,
        keep: KeepCall,
        run: Callable[[Mapping[str, Any]], Awaitable[ToolResult]],
        chat_id: str,
        name: str,
        arguments: Mapping[str, Any],
    ) -> ToolResult:
        """Run a tool, and keep what it answered, or why it failed."""
        told, failed = "It gave no answer in time.", True
        try:
            result = await run(arguments)
            told, failed = result.text, False
            return result
        except ToolFailed as error:
            told = str(error)
            raise
        finally:
            try:
                async with asyncio.timeout(KEEPING_S):
                    await keep(chat_id, name, json.dumps(dict(arguments), ensure_ascii=False), told, failed=failed)
            except (ModelError, TimeoutError):
                log.warning("A call of the tool '%s' could not be stored.", name)

    async def _noted(self, chat_id: str, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        value = arguments["value"]
        text = value if isinstance(value, str) else str(value)
        try:
            await self._set_field(chat_id, name, text)
        except ModelError:
            raise ToolFailed("It could not be noted.") from None
        return ToolResult("Noted.")


async def _looked_up(context: ReplyContext, arguments: Mapping[str, Any]) -> ToolResult:
    return ToolResult(await asyncio.to_thread(look_up, context.documents, str(arguments["query"])))


class EquippedResponder:
    """A responder whose replies may use the tools of their persona.

    Args:
        responder: uses tools.
        workshop: makes them.
    """

    def __init__(self, responder: Responder, workshop: Workshop) -> None:
        self._responder = responder
        self._workshop = workshop
        self.name = responder.name

    def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """See `Responder.reply`."""
        if context.persona.tools and context.persona.owner_id is None:  # they are the operator's content alone
            context = replace(context, tools=self._workshop.tools_of(context))
        return self._responder.reply(context)
