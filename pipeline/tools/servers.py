"""Tools of MCP servers, by the protocol's official client; a session lasts for a conversation."""

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from models.records.tools import PersonaTool
from pipeline.conversation.tools import ToolFailed, ToolResult
from pipeline.tasks.clock import Clock
from pipeline.tools.addresses import Addresses
from pipeline.tools.calling import BODY_LIMIT
from pipeline.tools.mcp_sessions import McpSessions
from pipeline.tools.secrets import Secrets, with_secrets

log = logging.getLogger(__name__)

NOT_INSTALLED = "This tool is not set up here."
UNREACHABLE = "The service behind this tool cannot be reached."


class McpServers:
    """Runs tools of MCP servers.

    Args:
        addresses: which ones may be called.
        secrets: what the headers name.
        clock: the source of time.
    """

    def __init__(self, addresses: Addresses, secrets: Secrets, clock: Clock) -> None:
        self._secrets = secrets
        self._sessions = McpSessions(addresses, clock)

    async def run(self, chat_id: str, tool: PersonaTool, arguments: Mapping[str, Any]) -> ToolResult:
        """Call the tool with checked arguments, in the session of a chat.

        Raises:
            ToolFailed: it has no answer that can be used.
        """
        if find_spec("mcp") is None:
            log.error("The tool '%s' needs a library: pip install 'glow-voice[mcp]'.", tool.name)
            raise ToolFailed(NOT_INSTALLED)
        headers = with_secrets(tool.headers, self._secrets)
        try:
            result = await self._sessions.call(chat_id, tool, arguments, headers)
        except ToolFailed:
            raise
        except Exception as error:  # noqa: BLE001  # the library wraps what its tasks raise in groups
            failed = _inner(error, ToolFailed)
            if failed is not None:
                raise failed from None
            log.warning("The MCP server of the tool '%s' failed (%s).", tool.name, type(error).__name__)
            raise ToolFailed(UNREACHABLE) from None
        texts = [part.text for part in result.content if getattr(part, "type", "") == "text"]
        text = "\n".join(texts)[:BODY_LIMIT]
        if result.is_error:
            raise ToolFailed(text or "The service behind this tool refused.")
        return ToolResult(text or "Done; there is nothing more to tell.")

    async def close(self) -> None:
        """Close the sessions."""
        await self._sessions.close()


def _inner(error: BaseException, kind: type[ToolFailed]) -> ToolFailed | None:
    """Find an error among those that a library's tasks have wrapped, or that it was caused by."""
    seen: list[BaseException | None] = [error]
    while seen:
        one = seen.pop()
        if isinstance(one, kind):
            return one
        if one is not None:
            seen += [*getattr(one, "exceptions", ()), one.__cause__, one.__context__][:20]
    return None
