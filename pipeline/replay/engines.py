"""The engines of a replay: the embedded ones, run inline on the event loop, with a log of their work."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal

from pipeline.call.session import Engines
from pipeline.conversation.reply import ReplyContext, ReplyPart, Responder
from pipeline.conversation.tools import Tool, ToolFailed, ToolResult
from pipeline.errors import ResponderFailed
from pipeline.llm.completions import Message, ToolCall
from pipeline.llm.tool_loop import EmptyReply, converse
from pipeline.replay.call_file import FixedTool, ReplyLine
from pipeline.tasks.clock import Clock
from pipeline.timeline.timeline import Timeline
from voice.errors import Cancelled
from voice.stt.base import Transcriber
from voice.stt.speech_to_text import SpeechToText
from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

Time = Literal["ideal", "measured"]
"""Duration of an engine's work in virtual time: none, or its real run time."""


class FixedLines:
    """A `Responder` with fixed replies and simulated latencies.

    The next reply depends on how many were said, not on how many were requested: a speculative reply that is discarded
    uses none up. The last one repeats.
    """

    name = "fixed"

    def __init__(self, lines: Sequence[ReplyLine], clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply word by word, and the results of its tool calls."""
        said = sum(line.role == "assistant" for line in context.history)
        rounds = _rounds(self._lines[min(said, len(self._lines) - 1)])

        def ask(
            _messages: Sequence[Message], _tools: Sequence[Tool], *, may_call: bool
        ) -> AsyncGenerator[str | ToolCall, None]:
            return self._say(next(rounds, None), may_call=may_call)

        async with aclosing(converse(ask, [], context.tools)) as parts:
            async for part in parts:
                yield part

    async def _say(self, line: ReplyLine | None, *, may_call: bool) -> AsyncGenerator[str | ToolCall, None]:
        if line is None:
            raise EmptyReply("The call file has no further reply of the language model.")
        await self._clock.sleep(line.first_token_ms / 1000)
        words = line.text.split()
        for index, word in enumerate(words):
            if index and line.token_ms:
                await self._clock.sleep(line.token_ms / 1000)
            yield word if index == len(words) - 1 else word + " "
        if line.fails:
            raise ResponderFailed("The language model broke off, as the call file asks.")
        for call in line.calls if may_call else ():
            yield call


def _rounds(line: ReplyLine | None) -> Iterator[ReplyLine]:
    while line is not None:
        yield line
        line = line.then


def fixed_tools(tools: Sequence[FixedTool], clock: Clock) -> tuple[Tool, ...]:
    """Create the tools, which take their time on this clock."""
    return tuple(
        Tool(
            tool.name,
            f"Answers what the call file has for {tool.name}.",
            _Fixed(tool, clock).run,
            timeout_s=tool.timeout_ms / 1000,
            ahead=tool.ahead,
        )
        for tool in tools
    )


class _Fixed:
    def __init__(self, tool: FixedTool, clock: Clock) -> None:
        self._tool = tool
        self._clock = clock

    async def run(self, _: Mapping[str, Any]) -> ToolResult:
        await self._clock.sleep(self._tool.takes_ms / 1000)
        if self._tool.fails:
            raise ToolFailed(self._tool.answer)
        return ToolResult(self._tool.answer)


class LoggedTool:
    """A tool that logs its runs on the timeline."""

    def __init__(self, tool: Tool, timeline: Timeline) -> None:
        self._tool = tool
        self._timeline = timeline

    async def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """See `Tool.run`."""
        name = self._tool.name
        assert self._tool.run is not None  # it is one of the call file's
        called = self._timeline.add("engine", "tool.called", name=name, arguments=json.dumps(arguments))
        try:
            result = await self._tool.run(arguments)
        except ToolFailed as error:
            self._timeline.add("engine", "tool.answered", name=name, text=str(error))
            raise
        finally:
            called.until = self._timeline.now
        self._timeline.add("engine", "tool.answered", name=name, text=result.text)
        return result


class LoggedResponder:
    """A responder that logs its work on the timeline."""

    def __init__(self, responder: Responder, timeline: Timeline) -> None:
        self._responder = responder
        self._timeline = timeline
        self.name = responder.name

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """See `Responder.reply`."""
        record = self._timeline.add
        last = context.history[-1] if context.history else None
        asked = record("engine", "llm.asked", text=last.text if last is not None and last.role == "user" else "")
        text = ""
        tools = tuple(replace(tool, run=LoggedTool(tool, self._timeline).run) for tool in context.tools)
        stream = self._responder.reply(replace(context, tools=tools))
        try:
            async for part in stream:
                text += part if isinstance(part, str) else ""
                yield part
        except (GeneratorExit, asyncio.CancelledError):
            record("engine", "llm.cancelled")
            raise
        except ResponderFailed:
            record("engine", "llm.failed")
            raise
        finally:
            asked.until = self._timeline.now
            if hasattr(stream, "aclose"):
                await stream.aclose()
        record("engine", "llm.done", text=text)


class LoggedSynthesizer:
    """A synthesizer that logs its work on the timeline."""

    def __init__(self, synthesizer: Synthesizer, timeline: Timeline) -> None:
        self._synthesizer = synthesizer
        self._timeline = timeline
        self.name = synthesizer.name

    def synthesize(self, text: str, style: VoiceStyle, *, cancelled: Callable[[], bool]) -> Iterator[SpeechChunk]:
        """See `Synthesizer.synthesize`."""
        asked = self._timeline.add("engine", "tts.asked", text=text)
        samples, rate_hz = 0, 1
        try:
            for chunk in self._synthesizer.synthesize(text, style, cancelled=cancelled):
                samples, rate_hz = samples + len(chunk.audio), chunk.rate_hz
                yield chunk
        except (GeneratorExit, Cancelled):
            self._timeline.add("engine", "tts.cancelled")
            raise
        finally:
            asked.until = self._timeline.now
        self._timeline.add("engine", "tts.done", ms=round(samples * 1000 / rate_hz))


def replay_engines(
    transcriber: Transcriber,
    synthesizer: Synthesizer,
    responder: Responder,
    timeline: Timeline,
    time: Time,
    transcript_ms: float = 0,
) -> Engines:
    """Create the engines of a call; in ideal time a transcript takes `transcript_ms`, and all else nothing."""
    workers = InlineWorkers(lambda seconds: seconds, perf_counter) if time == "measured" else InlineWorkers()
    hearing = InlineWorkers(lambda _: transcript_ms / 1000) if transcript_ms and time == "ideal" else workers
    return Engines(
        SpeechToText(transcriber, hearing),
        LoggedResponder(responder, timeline),
        TextToSpeech(LoggedSynthesizer(synthesizer, timeline), workers),
    )
