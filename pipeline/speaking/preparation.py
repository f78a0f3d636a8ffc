"""Preparation of a reply ahead of its release: the responder's text, synthesized clause by clause.

Before `release` only the first clause is synthesized; afterwards as much as the playout's buffer takes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from models.columns import clean
from pipeline.conversation.reply import (
    HandedOver,
    ReplyContext,
    Responder,
    Retraction,
    ToolsRun,
    ToolsTakeLong,
    Truncation,
)
from pipeline.conversation.tools import EndCall, FunctionCall, Transfer
from pipeline.conversation.waterfall import Stamps
from pipeline.errors import PipelineError
from pipeline.tasks.clock import Clock
from pipeline.turn.events import Leave
from voice.errors import VoiceError
from voice.tts.base import SpeechChunk, VoiceStyle
from voice.tts.synthesis import TextToSpeech
from voice.tts.text.clauses import ClauseSplitter

APOLOGY = "I am sorry, something went wrong on my side. Could you say that again?"

FILLER = "One moment, please."
"""Said while a tool takes its time, by a persona without words of its own for that."""

CLAUSES_AHEAD = 1_000
"""Most clauses that await synthesis: a whole reply, which is read as it is written, so that its end, or that its
beginning is to be taken back, is known before all of it is said. At the limit the responder's stream is not read."""

CHUNKS_AHEAD = 32
"""Most synthesized chunks that await playout; at the limit synthesis waits (backpressure)."""

REPLY_LIMIT = 12_000
"""Longest reply in characters; a runaway model is cut off there."""

CHUNK_SECONDS = 10.0
"""Timeout of an engine's next audio."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A persona's voice and its engines.

    Attributes:
        tts: the synthesizer.
        fallback: the synthesizer to use when it fails; None if there is no other.
        style: the persona's voice.
        rate_hz: the session's output rate.
        call: the fairness key of the work.
        filler_s: a reply of which nothing is written so long begins with words that it takes a moment; 0 for never.
    """

    tts: TextToSpeech
    fallback: TextToSpeech | None
    style: VoiceStyle
    rate_hz: int
    call: str
    filler_s: float = 0.0


Report = Callable[[str, str], None]
"""Takes the code and the message of a problem."""


@dataclass(slots=True)
class Preparation:
    """A revision of a reply.

    Attributes:
        revision, turn: the ones that it answers.
        context: the responder's input.
        responder: who writes it; None if nobody does.
        sentence: what is said instead, without a responder.
        aside: the sentence is not the persona's own.
        in_writing: it is sent as text alone.
        voiceless: no more of it is synthesized: it is in writing, or no engine is left.
        task: the name of its task.
        text: what the responder has written so far.
        published: how many characters of it have been published.
        written: the responder has finished.
        leave: the end of the call that it asks for, once it was heard.
        truncated: it reached the model's limit of tokens or `REPLY_LIMIT`.
        called: gets the calls of the client's tools that end it; it is released then.
        granted: called when it is over, with what the client wanted of it.
    """

    revision: int
    turn: int
    context: ReplyContext
    clock: Clock
    speaker: Speaker
    sentence: str
    aside: bool = False
    in_writing: bool = False
    voiceless: bool = False
    leave: Leave | None = None
    truncated: bool = False
    called: Callable[[tuple[FunctionCall, ...]], None] = lambda _: None
    granted: Callable[[], None] = lambda: None
    task: str = ""
    responder: Responder | None = None
    text: str = ""
    published: int = 0
    written: bool = False
    stamps: Stamps = field(default_factory=Stamps)
    problems: list[tuple[str, str]] = field(default_factory=list)
    _report: Report | None = None
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _go_on: asyncio.Event = field(default_factory=asyncio.Event)
    _clauses: asyncio.Queue["_ClauseAhead | None"] = field(default_factory=lambda: asyncio.Queue(CLAUSES_AHEAD))
    _chunks: asyncio.Queue[tuple["_ClauseAhead", "ClauseBegins | SpeechChunk"] | None] = field(
        default_factory=lambda: asyncio.Queue(CHUNKS_AHEAD)
    )
    _split: int = 0
    _taken: int = 0
    _live: list["_ClauseAhead"] = field(default_factory=list)
    _first_clause_ready: bool = False
    _fills: bool = False
    _filled: int = 0

    @property
    def released(self) -> bool:
        """Whether it may be sent."""
        return self._released.is_set()

    @property
    def keepable(self) -> bool:
        """Whether it needs no more engine work before its release, so that it can outlive a false pause."""
        return self.written and self._first_clause_ready and not self.problems

    def release(self, report: Report) -> None:
        """Release it, and report its problems."""
        self._report = report
        for code, message in self.problems:
            report(code, message)
        self._released.set()
        self._go_on.set()
        self._news.set()

    async def next(self) -> "ClauseBegins | SpeechChunk | None":
        """Return the next clause, or the next chunk of its audio; None at the end."""
        while (piece := await self._chunks.get()) is not None:
            clause, what = piece
            if isinstance(what, ClauseBegins) and not clause.gone:
                self._taken = clause.end
            if not clause.gone:
                return what
        return None

    async def growth(self) -> AsyncIterator[None]:
        """Yield whenever `text` may have grown, until it is written."""
        while not self.written:
            self._news.clear()
            yield
            if not self.written:
                await self._news.wait()
        yield

    async def run(self, responder: Responder | None) -> None:
        """Write and synthesize; without a responder, the sentence. Return when the playout has taken everything."""
        self.stamps.started = self.clock.now()
        splitter = ClauseSplitter()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._speak())
            filling = both.create_task(self._fill_silence(splitter)) if self._may_fill(responder) else None
            await self._write(responder, splitter)
            if filling is not None:
                filling.cancel()

    def _may_fill(self, responder: Responder | None) -> bool:
        return responder is not None and self.speaker.filler_s > 0 and not self.voiceless

    async def _fill_silence(self, splitter: ClauseSplitter) -> None:
        """Say that it takes a moment, if nothing is written for a while after the end of the turn was expected."""
        await self._released.wait()
        await self.clock.sleep(self.stamps.started + self.speaker.filler_s - self.clock.now())
        if not self.text:
            self._fills = True
            await self._fill(splitter)

    async def _write(self, responder: Responder | None, splitter: ClauseSplitter) -> None:
        try:
            if responder is None:
                await self._take(self.sentence, splitter)
            else:
                await self._read(responder, splitter)
        except PipelineError as error:
            self._problem(error.code, str(error))
            self.leave = None  # an apology does not end the call
            space = " " if self.text and not self.text[-1].isspace() else ""
            await self._take(space + APOLOGY, splitter)
        await self._split_off(splitter.flush())
        self.written = True
        self._news.set()
        await self._clauses.put(None)

    async def _read(self, responder: Responder, splitter: ClauseSplitter) -> None:
        stream = responder.reply(self.context)
        try:
            async for part in stream:
                match part:
                    case EndCall():
                        self.leave = Leave()
                    case Transfer(target):
                        self.leave = Leave("transfer", target)
                    case ToolsRun(ahead=ahead):
                        await self._before_tools(splitter, ahead=ahead)
                    case HandedOver(calls):
                        self.called(calls)
                    case ToolsTakeLong():
                        await self._fill(splitter)
                    case Retraction(kept):
                        self._retract(kept + self._filled, splitter)
                    case Truncation():
                        self.truncated = True
                    case delta if len(self.text) + len(delta) > REPLY_LIMIT:
                        await self._take(delta[: REPLY_LIMIT - len(self.text)], splitter)
                        self.truncated = True
                        self._problem("reply_too_long", f"The reply was cut at {REPLY_LIMIT} characters.")
                        return
                    case delta:
                        await self._take(delta, splitter)
        finally:
            if hasattr(stream, "aclose"):
                await stream.aclose()

    async def _before_tools(self, splitter: ClauseSplitter, *, ahead: bool) -> None:
        """Speak what was written so far; a tool with side effects waits until the reply is released."""
        await self._split_off(splitter.flush())
        self._fills = not (self.voiceless or self._filled)
        if not ahead:
            await self._released.wait()

    async def _fill(self, splitter: ClauseSplitter) -> None:
        """Say once, while a tool or the model takes its time, that it does; not before the reply is released."""
        if not (self._fills and self.released):
            return
        self._fills = False
        before = len(self.text)
        words = self.context.persona.waiting or FILLER
        await self._take(f" {words}" if self.text and not self.text[-1].isspace() else words, splitter)
        if not before:
            await self._take(" ", splitter)
        self._filled += len(self.text) - before
        await self._split_off(splitter.flush())

    async def _split_off(self, clauses: Sequence[str]) -> None:
        for text in clauses:
            clause = _ClauseAhead(self._split, text)
            self._split = clause.end
            self._live.append(clause)
            await self._clauses.put(clause)

    def _retract(self, kept: int, splitter: ClauseSplitter) -> None:
        """Drop the text but for its beginning, and its audio; what the playout has taken of it cannot be unsaid."""
        splitter.flush()
        stands = min(len(self.text), kept if self.voiceless else max(kept, self._taken))
        gone = [clause for clause in self._live if clause.end > stands]
        stands = min([stands, self._split, *(clause.start for clause in gone)])
        for clause in gone:
            clause.gone = True
        self._live = [clause for clause in self._live if not clause.gone]
        for queue in (self._clauses, self._chunks):
            _without_gone(queue)
        self.text, self.published, self._split = self.text[:stands], min(self.published, stands), stands
        if not stands:
            self._first_clause_ready = False
            self.stamps.first_text = self.stamps.first_clause = self.stamps.first_audio = None
        self._go_on.set()

    async def _take(self, delta: str, splitter: ClauseSplitter) -> None:
        if not delta:
            return
        if self.stamps.first_text is None:
            self.stamps.first_text = self.clock.now()
        delta = clean(delta)
        self.text += delta
        self._news.set()
        await self._split_off(splitter.push(delta))

    async def _speak(self) -> None:
        while (clause := await self._clauses.get()) is not None:
            if self.stamps.first_clause is None:
                self.stamps.first_clause = self.clock.now()
            await self._chunks.put((clause, ClauseBegins(clause.text)))
            await self._say(clause)
            if self.stamps.first_audio is not None and not clause.gone:
                self._first_clause_ready = True
            while self._first_clause_ready and not self.released:
                self._go_on.clear()
                await self._go_on.wait()
        self._first_clause_ready = True
        await self._released.wait()
        await self._chunks.put(None)

    async def _say(self, clause: "_ClauseAhead") -> None:
        """Synthesize one clause; if the engine fails, the fallback repeats it from its beginning and says all others.

        Without a fallback the rest of the reply is text alone.
        """
        said = 0
        while not self.voiceless and clause.stands():
            speaker, before = self.speaker, said
            try:
                async with aclosing(self._synthesized(speaker, clause.text)) as chunks:
                    async for chunk in chunks:
                        if not clause.stands():
                            return
                        if self.stamps.first_audio is None:
                            self.stamps.first_audio = self.clock.now()
                        await self._chunks.put((clause, _later(chunk, before)))
                        said += len(chunk.audio)
                return
            except (VoiceError, TimeoutError) as error:
                code = error.code if isinstance(error, VoiceError) else "tts_failed"
                self._problem(
                    code, str(error) or f"The speech engine gave nothing for {CHUNK_SECONDS:g} s; look at it."
                )
            if speaker.fallback is None:
                self.voiceless = True
            else:
                self.speaker = replace(speaker, tts=speaker.fallback, fallback=None)

    async def _synthesized(self, speaker: Speaker, clause: str) -> AsyncGenerator[SpeechChunk, None]:
        async with aclosing(speaker.tts.speak(clause, speaker.style, speaker.rate_hz, speaker.call)) as chunks:
            while True:
                async with asyncio.timeout(CHUNK_SECONDS):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk

    def _problem(self, code: str, message: str) -> None:
        self.problems.append((code, message))
        if self._report is not None:
            self._report(code, message)


def _later(chunk: SpeechChunk, samples: int) -> SpeechChunk:
    """Shift a chunk's words by the samples of the clause that were said before."""
    if not samples or not chunk.words:
        return chunk
    return replace(
        chunk, words=tuple(replace(word, start=word.start + samples, end=word.end + samples) for word in chunk.words)
    )


@dataclass(frozen=True, slots=True)
class ClauseBegins:
    """The beginning of a clause: the chunks that follow say this text."""

    text: str


@dataclass(slots=True)
class _ClauseAhead:
    """A clause of the text on its way to the playout.

    Attributes:
        start: its offset in the text.
        gone: it was retracted.
    """

    start: int
    text: str
    gone: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def stands(self) -> bool:
        return not self.gone


def _without_gone(queue: asyncio.Queue[Any]) -> None:
    """Remove what belongs to retracted clauses."""
    for _ in range(queue.qsize()):
        item = queue.get_nowait()
        clause = item[0] if isinstance(item, tuple) else item
        if clause is None or not clause.gone:
            queue.put_nowait(item)
