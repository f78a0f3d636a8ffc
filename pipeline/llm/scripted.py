"""The scripted persona: answers deterministically by the cues of its content pack, without a language model."""

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from models.records.core import Document, Persona
from models.records.resources import filled
from pipeline.conversation.reply import HistoryEntry, ReplyContext, ReplyPart
from pipeline.errors import EmbeddingFailed
from pipeline.llm.facts import facts_of
from pipeline.llm.matching import Vectors, matcher_of
from pipeline.llm.script import SILENCE, LastWords, ReplayedScript, ScriptedAnswer, document_leads
from pipeline.llm.utterances import asks_to_be_told
from pipeline.search.meaning import Meanings

log = logging.getLogger(__name__)

DEFAULT_GREETING = "Hello. I am listening."

_MOST_SCRIPTS = 500
"""Beginnings of conversations whose scripts are kept."""

_MOST_SUBJECTS = 64
"""Personas of which scripts share one copy."""

_AT_ONCE = 4
"""Entries replayed without a look at the event loop; a line takes a few milliseconds."""


class DocumentReader(Protocol):
    """Reads documents for what answers a question."""

    async def answer(self, documents: Sequence[Document], text: str) -> str | None:
        """Return what they say to it, in words that can be spoken; None where they do not answer it."""
        ...


@dataclass(frozen=True, slots=True)
class _Subject:
    """Who answers, and from what. Each chat reads its own copies from the store."""

    persona: Persona
    documents: tuple[Document, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    subject: _Subject
    script: ReplayedScript


class _KeptScripts:
    """The latest scripts, so that a reply replays what is new in its history, not all of it.

    All scripts of equal personas and documents share one copy of them, and histories are kept as digests: what is
    kept of a conversation is a few hundred bytes a reply.
    """

    def __init__(self) -> None:
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    def longest(self, context: ReplyContext, by_words: bool) -> tuple[int, ReplayedScript]:
        """Return the script of the longest beginning of the context's history, and its number of entries."""
        subject, history = self._shared(context), context.history
        keys = _keys(subject, history, by_words)
        for length in range(len(history), 0, -1):
            kept = self._kept.get(keys[length - 1])
            if kept is not None and kept.subject == subject:
                self._kept.move_to_end(keys[length - 1])
                return length, kept.script.copy()
        return 0, ReplayedScript(subject.persona)

    def keep(self, context: ReplyContext, length: int, script: ReplayedScript, by_words: bool) -> None:
        """Keep the script of the first `length` entries of a history."""
        subject = self._shared(context)
        key = _keys(subject, context.history[:length], by_words)[-1]
        self._kept[key] = _Kept(subject, script.copy())
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_SCRIPTS:
            self._kept.popitem(last=False)

    def _shared(self, context: ReplyContext) -> _Subject:
        found = _Subject(context.persona, context.documents)
        known = self._subjects.get(found.persona.id)
        subject = known if known == found else found
        self._subjects[found.persona.id] = subject
        self._subjects.move_to_end(found.persona.id)
        while len(self._subjects) > _MOST_SUBJECTS:
            self._subjects.popitem(last=False)
        return subject


def _keys(subject: _Subject, history: Sequence[HistoryEntry], by_words: bool) -> list[Hashable]:
    """Return a key for each beginning of a history, the shortest first."""
    keys: list[Hashable] = []
    digest = blake2b(digest_size=16)
    for entry in history:
        digest.update(repr(entry).encode(errors="surrogatepass"))
        keys.append((subject.persona.id, by_words, digest.digest()))
    return keys


class ScriptedResponder:
    """A deterministic `Responder`: its reply is a function of persona, documents, history and sentence model.

    Args:
        meanings: compares what is said with the examples of cues; by words alone without it.
        reader: answers questions from the scenario's documents; nothing is answered from them without it.
    """

    name = "scripted"

    def __init__(self, meanings: Meanings | None = None, reader: DocumentReader | None = None) -> None:
        self._meanings = meanings
        self._reader = reader
        self._kept = _KeptScripts()

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply word by word, and what its cue asks for."""
        persona, history = context.persona, context.history
        given = _unasked(persona, history)
        if given is None:
            given = await self._answer(context, by_words=self._meanings is None)
        for delta in _words(filled(given.text)):
            yield delta
        if given.asks is not None:
            yield given.asks

    async def _answer(self, context: ReplyContext, *, by_words: bool) -> ScriptedAnswer:
        """Answer the last entry, after replaying what is new before it."""
        persona, history = context.persona, context.history
        length, script = self._kept.longest(context, by_words)
        vectors = None if by_words else await self._vectors(persona, history[length:])
        if vectors is None and not by_words:
            return await self._answer(context, by_words=True)
        documented = (await self._documented(context, history[length:])).get
        settled = _entries_before_last_words(history)
        for place in range(length, len(history)):
            if place == settled > length:
                self._kept.keep(context, settled, script, by_words)
            elif place % _AT_ONCE == 0:
                await asyncio.sleep(0)
            script.hear(history[place], vectors, documented)
        return script.answer(vectors, documented)

    async def _documented(self, context: ReplyContext, entries: Sequence[HistoryEntry]) -> dict[str, str | None]:
        """Return what the documents say to each line that asks for a fact."""
        if self._reader is None or not context.documents or not document_leads(context.persona):
            return {}
        asked = dict.fromkeys(line.last for line in _lines_of(entries) if asks_to_be_told(line.last))
        return {text: await self._reader.answer(context.documents, text) for text in asked}

    async def warm(self, personas: Iterable[Persona]) -> None:
        """Read the examples of these personas ahead; otherwise the first reply of each takes as long."""
        for persona in personas:
            matcher = await asyncio.to_thread(matcher_of, persona.cues)
            if self._meanings is not None:
                try:
                    await self._meanings.embed(matcher.examples, urgent=False)
                except EmbeddingFailed as error:
                    log.warning("%s answers by words alone: %s", persona.name, error)

    async def _vectors(self, persona: Persona, entries: Sequence[HistoryEntry]) -> Vectors | None:
        """Compute the vectors of what will be compared; None where that fails, or there is no model."""
        if self._meanings is None:
            return None
        texts = texts_to_compare(persona, entries)
        try:
            vectors = dict(zip(texts, await self._meanings.embed(texts), strict=True))
        except EmbeddingFailed as error:
            log.warning("%s answers by words alone: %s", persona.name, error)
            return None
        return vectors.get

    async def close(self) -> None:
        """Do nothing: the model belongs to whoever made it."""


def texts_to_compare(persona: Persona, history: Sequence[HistoryEntry]) -> list[str]:
    """Return the texts whose vectors `answer` asks for."""
    matcher = matcher_of(persona.cues)
    compared = [form for line in _lines_of(history) for text in line.forms() for form in matcher.forms(text)]
    return list(dict.fromkeys([*matcher.examples, *(fact.told for fact in facts_of(persona)), *compared]))


def answer(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None = None) -> str:
    """Return the persona's next reply.

    Args:
        persona: who answers.
        history: of the conversation.
        vectors: of `texts_to_compare`, where there is a sentence model.
    """
    return filled(_replayed(persona, history, vectors).text)


def cue_for(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None = None) -> str | None:
    """Return the id of the cue that answers the last entry, or None."""
    return _replayed(persona, history, vectors).cue


def _replayed(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None) -> ScriptedAnswer:
    """Replay the whole history through the script, and answer its last entry."""
    if (given := _unasked(persona, history)) is not None:
        return given
    script = ReplayedScript(persona)
    for entry in history:
        script.hear(entry, vectors)
    return script.answer(vectors)


def _unasked(persona: Persona, history: Sequence[HistoryEntry]) -> ScriptedAnswer | None:
    """Return what the persona says of its own accord: its greeting, or a prompt after a long silence."""
    if not history:
        return ScriptedAnswer(persona.greeting or DEFAULT_GREETING)
    if history[-1].role != "assistant":
        return None
    spoken = sum(entry.role == "assistant" and entry.text in SILENCE for entry in history)
    return ScriptedAnswer(SILENCE[spoken % len(SILENCE)])  # not twice in the same words


def _lines_of(history: Sequence[HistoryEntry]) -> Iterator[LastWords]:
    """Yield what is answered in a history: the words before each entry of the persona, and the last ones."""
    said: LastWords | None = None
    for entry in history:
        if entry.role == "user":
            said = LastWords.after(said, entry.text)
        elif said is not None:
            yield said
            said = None
    if said is not None:
        yield said


def _entries_before_last_words(history: Sequence[HistoryEntry]) -> int:
    """Return the number of entries before the learner's last words, which may change while they are spoken."""
    length = len(history)
    while length and history[length - 1].role == "user":
        length -= 1
    return length


def _words(text: str) -> Iterator[str]:
    return (found.group() for found in re.finditer(r"\S+\s*", text))
