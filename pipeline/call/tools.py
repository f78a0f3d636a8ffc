"""The built-in tools of every call: the persona can end it, and transfer it if the line can."""

from collections.abc import Mapping
from typing import Any

from pipeline.call.settings import SessionSettings
from pipeline.conversation.tools import EndCall, Tool, ToolFailed, ToolResult, Transfer

END_CALL, TRANSFER = "end_call", "transfer"


def call_tools(settings: SessionSettings) -> tuple[Tool, ...]:
    """Return the built-in tools of a call, and its own, which take the place of built-in ones of the same name."""
    ends = (Tool(END_CALL, _END_CALL, _end_call, ahead=True),) if settings.hangs_up else ()
    own = {tool.name for tool in settings.tools}
    built_in = (tool for tool in (*ends, _transfer(settings.transfers)) if tool.name not in own)
    return (*built_in, *settings.tools)


_END_CALL = (
    "End the call. Use it when both of you have said goodbye, or the other person asks to end the call; say your last "
    "words first, they are heard before the line drops. Words such as 'stop' or 'close it' are mostly about the matter "
    "and no goodbye."
)


async def _end_call(_: Mapping[str, Any]) -> ToolResult:
    text = (
        "The call ends when your words have been heard. If you have not said goodbye yet, say it now, in one sentence."
    )
    return ToolResult(text, EndCall(), settled=True)


def _transfer(targets: tuple[str, ...]) -> Tool:
    async def transfer(arguments: Mapping[str, Any]) -> ToolResult:
        target = str(arguments["target"])
        if not targets:
            raise ToolFailed("This line cannot transfer the call. Say so, and offer something else.")
        if target not in targets:
            raise ToolFailed(f"The call cannot be handed to that. It can be handed to: {', '.join(targets)}.")
        text = (
            "The call is handed over when your words have been heard. If you have not said so yet, say it now, shortly."
        )
        return ToolResult(text, Transfer(target), settled=True)

    known = f" One of: {', '.join(targets)}." if targets else ""
    return Tool(
        TRANSFER,
        "Hand the call to somebody else, such as a human, when the other person needs or wants that. Say first that "
        "you put them through; they hear it before the call is handed over.",
        transfer,
        {
            "type": "object",
            "properties": {"target": {"type": "string", "description": f"Whom to hand the call to.{known}"}},
            "required": ["target"],
        },
        ahead=True,
    )
