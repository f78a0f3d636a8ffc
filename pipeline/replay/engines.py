"""The engines of a replay: the embedded ones, at work on the loop itself, and what they did written down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import perf_counter
from typing import Literal

from pipeline.call.session import Engines
from pipeline.conversation.reply import ReplyContext, Responder
from pipeline.errors import ResponderFailed
from pipeline.replay.call_file import ReplyLine
from pipeline.replay.timeline import Timeline
from pipeline.tasks.clock import Clock
from voice.errors import Cancelled
from voice.stt.base import Transcriber
from voice.stt.speech_to_text import SpeechToText
from voice.tts.base import SpeechChunk, Synthesizer, VoiceStyle
from voice.tts.synthesis import TextToSpeech
from voice.work.workers import InlineWorkers

Time = Literal["ideal", "measured"]
"""What an engine's work costs on the replay's clock: nothing, or the time that it took."""


class FixedLines:
    """A `Responder` that says given lines, as late and as slowly as they say.

    Which line comes depends on what the persona has said so far, not on how often it was asked: a reply that was
    prepared and thrown away uses nothing up. The last line stays.
    """

    name = "fixed"

    def __init__(self, lines: Sequence[ReplyLine], clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """Stream the line word by word."""
        said = sum(line.role == "assistant" for line in context.history)
        line = self._lines[min(said, len(self._lines) - 1)]
        await self._clock.sleep(line.first_token_ms / 1000)
        words = line.text.split()
        for index, word in enumerate(words):
            if index and line.token_ms:
                await self._clock.sleep(line.token_ms / 1000)
            yield word if index == len(words) - 1 else word + " "
        if line.fails:
            raise ResponderFailed("The language model broke off, as the call file asks.")


class ToldResponder:
    """A responder whose work is on the timeline."""

    def __init__(self, responder: Responder, timeline: Timeline) -> None:
        self._responder = responder
        self._timeline = timeline
        self.name = responder.name

    async def reply(self, context: ReplyContext) -> AsyncIterator[str]:
        """See `Responder.reply`."""
        tell = self._timeline.add
        last = context.history[-1] if context.history else None
        asked = tell("engine", "llm.asked", text=last.text if last is not None and last.role == "user" else "")
        text = ""
        stream = self._responder.reply(context)
        try:
            async for delta in stream:
                text += delta
                yield delta
        except (GeneratorExit, asyncio.CancelledError):
            tell("engine", "llm.cancelled")
            raise
        except ResponderFailed:
            tell("engine", "llm.failed")
            raise
        finally:
            asked.until = self._timeline.now
            if hasattr(stream, "aclose"):
                await stream.aclose()
        tell("engine", "llm.done", text=text)


class ToldSynthesizer:
    """A synthesizer whose work is on the timeline."""

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
    transcriber: Transcriber, synthesizer: Synthesizer, responder: Responder, timeline: Timeline, time: Time
) -> Engines:
    """The engines of one call."""
    workers = InlineWorkers(lambda seconds: seconds, perf_counter) if time == "measured" else InlineWorkers()
    return Engines(
        SpeechToText(transcriber, workers),
        ToldResponder(responder, timeline),
        TextToSpeech(ToldSynthesizer(synthesizer, timeline), workers),
    )
