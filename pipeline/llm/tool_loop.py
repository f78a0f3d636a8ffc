"""The tool loop of a reply: request the model, run the tools it calls, and request it again with their results.

Everything is bounded: the number of requests, of concurrent tools, the size of arguments and results, and the duration
of each tool. Errors of a tool are results for the model, which then says something about them.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from pipeline.conversation.reply import HandedOver, ReplyPart, Retraction, ToolsRun, ToolsTakeLong, Truncation
from pipeline.conversation.tools import FunctionCall, Tool, ToolFailed, ToolResult
from pipeline.errors import ResponderFailed
from pipeline.llm.arguments import problem_with
from pipeline.llm.completions import Completion, Message, ToolCall
from pipeline.llm.tool_calls import ARGUMENTS_LIMIT

log = logging.getLogger(__name__)

ROUNDS = 5
"""Maximum number of requests for one reply; the last one allows no tool calls."""

CALLS_AT_ONCE = 8
"""Maximum number of concurrent tools; further calls of a round fail, and the model may repeat them."""

LONG_S = 2.0
"""Seconds after which tools take long."""

RESULT_LIMIT = 8_000
"""Maximum characters of a tool's result; longer ones are truncated for the model."""

_CUT = " [...]"


class EmptyReply(ResponderFailed):
    """The model generated neither text nor tool calls."""


ModelPart = str | ToolCall | Retraction | Truncation
"""A part of a model's answer."""


class AskModel(Protocol):
    """Requests a language model once."""

    def __call__(
        self, messages: Sequence[Message], tools: Sequence[Tool], /, *, may_call: bool
    ) -> AsyncGenerator[ModelPart, None]:
        """Stream the text of the model, delta by delta, then its tool calls. A `Retraction` concerns this text alone.

        Raises:
            EmptyReply: it generated neither.
            ResponderFailed: the answer is missing or incomplete.
        """
        ...


async def converse(
    ask: AskModel, messages: Sequence[Message], tools: Sequence[Tool], *, long_s: float = LONG_S
) -> AsyncGenerator[ReplyPart, None]:
    """Stream one reply. `ToolsRun` precedes a run of tools, which starts when the next part is requested.

    A call of a client's tool ends the reply, `HandedOver` last: the result comes with another request.

    Args:
        ask: requests the model.
        messages: the conversation.
        tools: what the model may call.
        long_s: `ToolsTakeLong` comes each time that tools have run for this long; 0 for never.

    Raises:
        ResponderFailed: the model failed, or generated no text in all rounds.
    """
    talk = list(messages)
    said, spaces, asks = "", 0, False
    for number in range(1, ROUNDS + 1):
        may_call = bool(tools) and number < ROUNDS
        before, calls = len(said), list[ToolCall]()
        try:
            async with aclosing(ask(talk, tools, may_call=may_call)) as parts:
                async for part in parts:
                    match part:
                        case ToolCall():
                            calls.append(part)
                        case Retraction():
                            said = said[: before + part.kept]
                            yield Retraction(len(said) + spaces)
                        case Truncation():
                            yield part
                        case _:
                            if len(said) == before and said and not said[-1].isspace() and not part[:1].isspace():
                                spaces += 1
                                yield " "  # text after a tool is a new sentence
                            said += part
                            yield part
        except EmptyReply:
            if not said.strip() and not asks:
                raise
        if not calls or not may_call:
            break
        yield ToolsRun(tuple(call.name for call in calls), ahead=_ahead(calls, tools))
        clients = {tool.name for tool in tools if tool.run is None}
        if handed := [call for call in calls if call.name in clients][:CALLS_AT_ONCE]:
            yield HandedOver(tuple(FunctionCall(call.id, call.name, call.arguments or "{}") for call in handed))
            return
        running = asyncio.gather(*(_result(call, place, tools) for place, call in enumerate(calls)))
        try:
            while not (await asyncio.wait({running}, timeout=long_s or None))[0]:
                yield ToolsTakeLong()
            results = running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        talk.append(Completion(said[before:], tuple(map(_as_repeated, calls))).as_message())
        for call, result in zip(calls, results, strict=True):
            talk.append({"role": "tool", "tool_call_id": call.id, "content": _cut(result.text)})
            if result.asks is not None:
                asks = True
                yield result.asks
        if said.strip() and all(result.settled for result in results):
            break
    if not said.strip() and not asks:
        raise ResponderFailed("The language model only used its tools and said nothing; ask again.")


async def run_tool(call: ToolCall, tools: Sequence[Tool]) -> ToolResult:
    """Run one tool; an error becomes its result."""
    name = call.name[:64]
    tool = next((tool for tool in tools if tool.name == name), None)
    try:
        if tool is None:
            known = ", ".join(tool.name for tool in tools)
            return _failure(f"There is no tool '{name}'; the tools are {known}.")
        arguments = _arguments(call)
        if problem := problem_with(arguments, tool.parameters):
            return _failure(f"'{name}' was not run: {problem}")
        assert tool.run is not None  # the client's own are handed over
        async with asyncio.timeout(tool.timeout_s):
            return await tool.run(arguments)
    except ToolFailed as error:
        return _failure(str(error))
    except TimeoutError:
        return _failure(f"'{name}' gave no answer in time.")
    except Exception:
        log.exception("The tool '%s' raised an error; the model gets a failure as its result.", name)
        return _failure(f"'{name}' failed.")


def schema_of(tool: Tool) -> dict[str, Any]:
    """Render a tool for the chat completions protocol."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _ahead(calls: Sequence[ToolCall], tools: Sequence[Tool]) -> bool:
    by_name = {tool.name: tool for tool in tools}
    return all(by_name[call.name].ahead for call in calls if call.name in by_name)


async def _result(call: ToolCall, place: int, tools: Sequence[Tool]) -> ToolResult:
    if place >= CALLS_AT_ONCE:
        return _failure(f"At most {CALLS_AT_ONCE} tools run at once; call it again alone.")
    return await run_tool(call, tools)


def _arguments(call: ToolCall) -> Mapping[str, Any]:
    if len(call.arguments) > ARGUMENTS_LIMIT:
        raise ToolFailed(f"The arguments are longer than {ARGUMENTS_LIMIT} characters; write fewer.")
    try:
        return call.parsed()
    except (ValueError, RecursionError):
        raise ToolFailed("The arguments are not a JSON object; write one.") from None


def _as_repeated(call: ToolCall) -> ToolCall:
    """Return the call for the history of the next request; servers reject arguments that are not JSON."""
    try:
        _arguments(call)
    except ToolFailed:
        return ToolCall(call.id, call.name, "{}")
    return call


def _failure(sentence: str) -> ToolResult:
    return ToolResult(json.dumps({"error": sentence}, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= RESULT_LIMIT else text[: RESULT_LIMIT - len(_CUT)] + _CUT
