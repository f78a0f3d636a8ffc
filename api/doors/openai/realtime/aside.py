"""An answer beside the conversation: from what a `response.create` brings, told to the client, and kept nowhere."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from api.doors.line import Message, Packet
from api.doors.line.packets import Packets
from api.doors.openai.realtime.responses import RealtimeResponse
from pipeline.call.settings import Engines
from pipeline.conversation.events import ReplyAudio
from pipeline.conversation.reply import HandedOver, ReplyContext, ReplyPart, Retraction
from pipeline.errors import PipelineError
from voice.audio.formats import AudioFormat
from voice.errors import VoiceError
from voice.tts.base import VoiceStyle
from voice.tts.text.clauses import ClauseSplitter

Encode = Callable[[Iterator[dict[str, Any]]], Sequence[Message]]


@dataclass
class Aside:
    """One such answer.

    Attributes:
        response: its events.
        context: what it is written from.
        call: the fairness key of the work.
        encode: makes messages of events.
        cancelled: the client wants no more of it.
    """

    response: RealtimeResponse
    context: ReplyContext
    engines: Engines
    style: VoiceStyle
    output: AudioFormat
    call: str
    encode: Encode
    over: Callable[[], None]
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def messages(self) -> AsyncGenerator[Message]:
        """Write it, and speak it unless it comes as text alone."""
        status, reason = "completed", None
        try:
            try:
                async with aclosing(self._events()) as events:
                    async for event in events:
                        for message in self.encode(iter([event])):
                            yield message
                        if self.cancelled.is_set():
                            status, reason = "cancelled", "client_cancelled"
                            break
            except (PipelineError, VoiceError) as error:
                status, reason = "failed", error.code
            for message in self.encode(self.response.finish(status, reason)):
                yield message
        finally:
            self.over()

    async def _events(self) -> AsyncGenerator[dict[str, Any]]:
        for event in self.response.created():
            yield event
        splitter = ClauseSplitter()
        packets = Packets(self.output, self.output.rate_hz, 100)
        parts = cast(AsyncGenerator[ReplyPart], self.engines.responder.reply(self.context))
        async with aclosing(parts) as stream:
            async for part in stream:
                match part:
                    case HandedOver(calls):
                        for event in self.response.call_tools(calls):
                            yield event
                    case Retraction():
                        continue  # what was told stays
                    case str() if part:
                        if self.response.item is None:
                            for event in self.response.begin(""):
                                yield event
                        if self.response.in_writing:
                            for event in self.response.write(part):
                                yield event
                        else:
                            async for event in self._spoken(splitter.push(part), packets):
                                yield event
                    case _:
                        continue
        async for event in self._spoken(splitter.flush(), packets):
            yield event
        if self.response.item is not None and not self.response.in_writing:
            for packet in packets.rest(0):
                for event in self.response.sound(packet):
                    yield event

    async def _spoken(self, clauses: Sequence[str], packets: Packets) -> AsyncGenerator[dict[str, Any]]:
        for clause in clauses:
            told = False
            speech = self.engines.tts.speak(clause, self.style, self.output.rate_hz, self.call)
            async with aclosing(speech) as chunks:
                async for chunk in chunks:
                    words, told = "" if told else clause, True
                    block = ReplyAudio(0, 0, 0, 0, words, chunk.audio)
                    for packet in packets.of(block):
                        for event in self.response.sound(self._placed(packet)):
                            yield event
            if not told:
                for event in self.response.write(clause):
                    yield event

    def _placed(self, packet: Packet) -> Packet:
        assert self.response.item is not None
        return Packet(packet.data, 0, packet.seq, self.response.item.audio_ms, packet.duration_ms, packet.text)
