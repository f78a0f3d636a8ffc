"""The scripted persona: answers deterministically by the cues of its content pack, without a language model."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from models.records.core import Cue, Persona
from models.records.resources import filled
from pipeline.conversation.reply import HistoryEntry, ReplyContext, ReplyPart
from pipeline.conversation.tools import EndCall, Transfer
from pipeline.errors import EmbeddingFailed
from pipeline.llm.facts import fact_for, facts_of
from pipeline.llm.matching import DOUBTFUL, MAX_MATCHED_CHARS, WEAK, Match, Vectors, matcher_of
from pipeline.llm.off_script import has_reaction, off_script, opener, way_back
from pipeline.llm.reflection import normalised
from pipeline.llm.utterances import asks_for_a_fact, tone, utterances
from pipeline.search.meaning import Meanings

log = logging.getLogger(__name__)

DEFAULT_GREETING = "Hello. I am listening."
_MAX_READ_CHARS = 2 * MAX_MATCHED_CHARS
_TAKEN_UP = "As I was saying: "
_SAID_AGAIN = "I said: "
_LISTENING = ("Go on, I am listening.", "Sorry, you first.", "I am all ears.")
_SILENCE = ("I did not hear anything. Are you still there?", "Hello? I think that I lost you.")

# Remarks about the conversation itself; each pattern must match the whole utterance.
_LEAD = r"(oh |um |uh |well |okay |no |yes |hey )*"
_HOLD = re.compile(
    _LEAD
    + r"((wait|stop|sorry|excuse me|pardon me|hold on|hang on|i am sorry|wait wait|hey|let me (speak|finish|talk))"
    r"( (a|one|just a) (moment|minute|second))?( please| sorry| stop| wait)*)"
)
_GO_ON = re.compile(
    _LEAD + r"((wait |i am )?sorry )?(please )?(you )?(go on|go ahead|continue|carry on|keep (going|talking)|"
    r"(you were saying|what were you saying|finish|you first))( please| sorry)*"
)
_REPEAT = re.compile(
    _LEAD + r"((i am )?sorry |please |i was not listening )?((can|could|would|will) you (please )?)?"
    r"(repeat|what|huh|say (that|it|again)|what did you (just )?say|what was that|come again|once more|one more time|"
    r"pardon|(what were we|what are we) (talking about|saying)|where were we|what was (it|the question)|"
    r"i did not (hear|catch|get))( (that|it|you|me|again|once|more|one|time|please|what|said))*"
)


@dataclass(slots=True)
class _Said:
    """The cues and other lines used so far, reconstructed by replaying the history."""

    cues: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    asides: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    cue: str | None = None
    lines: tuple[str, ...] = ()
    asks: EndCall | Transfer | None = None


class ScriptedResponder:
    """A deterministic `Responder`: its reply is a function of persona, history and sentence model.

    Args:
        meanings: compares what is said with the examples of cues; by words alone without it.
    """

    name = "scripted"

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply word by word, and what its cue asks for."""
        given = _answer(context.persona, context.history, await self._vectors(context.persona, context.history))
        for delta in _words(given.text):
            yield delta
        if given.asks is not None:
            yield given.asks

    async def warm(self, personas: Iterable[Persona]) -> None:
        """Read the examples of these personas ahead; otherwise the first reply of each takes as long."""
        for persona in personas:
            matcher = await asyncio.to_thread(matcher_of, persona.cues)
            if self._meanings is not None:
                try:
                    await self._meanings.embed(matcher.examples, urgent=False)
                except EmbeddingFailed as error:
                    log.warning("%s answers by words alone: %s", persona.name, error)

    async def _vectors(self, persona: Persona, history: Sequence[HistoryEntry]) -> Vectors | None:
        """Compute the vectors of what will be compared; None where that fails, or there is no model."""
        if self._meanings is None or not any(line.role == "user" for line in history):
            return None
        texts = texts_to_compare(persona, history)
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
    texts = list(dict.fromkeys(_said_alone_and_together(history)))
    matcher = matcher_of(persona.cues)
    compared = [form for text in texts for form in matcher.forms(text)]
    return list(dict.fromkeys([*matcher.examples, *(fact.told for fact in facts_of(persona)), *compared]))


def _said_alone_and_together(history: Sequence[HistoryEntry]) -> Iterator[str]:
    unanswered: list[str] = []
    for line in history:
        if line.role != "user":
            unanswered = []
            continue
        unanswered.append(line.text[-_MAX_READ_CHARS:])
        yield from dict.fromkeys((unanswered[-1], " ".join(unanswered)[-_MAX_READ_CHARS:]))


def answer(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None = None) -> str:
    """Return the persona's next reply.

    Args:
        persona: who answers.
        history: of the conversation.
        vectors: of `texts_to_compare`, where there is a sentence model.
    """
    return _answer(persona, history, vectors).text


def cue_for(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None = None) -> str | None:
    """Return the id of the cue that answers the last entry, or None."""
    return _answer(persona, history, vectors).cue


def _answer(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None = None) -> _Answer:
    """Answer the history's last entry; placeholders without a value become their defaults."""
    given = _replayed(persona, history, vectors)
    return replace(given, text=filled(given.text)) if "{{" in given.text else given


def _replayed(persona: Persona, history: Sequence[HistoryEntry], vectors: Vectors | None) -> _Answer:
    """Replay the history through the script, and answer its last entry.

    Only the learner's entries count, since the persona's are stored as heard and may be truncated. An entry of the
    learner without an answer uses no cue up: its reply was discarded before it was heard. A history that ends with the
    persona's entry asks for a prompt after a long silence.
    """
    if history and history[-1].role == "assistant":
        return _asked(history)
    if not any(line.role == "user" for line in history):
        return _Answer(persona.greeting or DEFAULT_GREETING)
    used = _Said()
    unanswered: list[str] = []
    heard, meant = "", _Answer(filled(persona.greeting))
    given = _Answer("")
    for line in history:
        if line.role == "user":
            unanswered.append(line.text[-_MAX_READ_CHARS:])
            given = _respond(persona, unanswered, heard, meant, used, vectors)
        else:
            if unanswered:
                _use_up(used, given)
                meant = replace(given, text=filled(given.text))
            unanswered, heard = [], line.text
    return given


def _asked(history: Sequence[HistoryEntry]) -> _Answer:
    """Ask whether anybody is there, not twice in the same words."""
    spoken = sum(line.role == "assistant" and line.text in _SILENCE for line in history)
    return _Answer(_SILENCE[spoken % len(_SILENCE)])


def _use_up(used: _Said, given: _Answer) -> None:
    if given.cue is not None:
        used.cues[given.cue] = used.cues.get(given.cue, 0) + 1
    for line in given.lines:
        used.lines[line] = used.lines.get(line, 0) + 1
    if given.cue is None and not given.lines:
        used.asides += 1


def _respond(
    persona: Persona, unanswered: Sequence[str], heard: str, meant: _Answer, used: _Said, vectors: Vectors | None
) -> _Answer:
    said = _normal(unanswered[-1])
    if not said:
        return _Answer(_SILENCE[used.asides % len(_SILENCE)])
    rest = _unheard(heard, meant.text)
    if rest and _GO_ON.fullmatch(said):
        return _Answer(_TAKEN_UP + rest.removeprefix(_TAKEN_UP), asks=meant.asks)
    if rest and _HOLD.fullmatch(said):
        return _Answer(_LISTENING[used.asides % len(_LISTENING)])
    matcher = matcher_of(persona.cues)
    # Match an utterance that a barge-in split ("can you" / "repeat that") as a whole, if its end alone has no match.
    for text in dict.fromkeys([unanswered[-1], " ".join(unanswered)[-_MAX_READ_CHARS:]]):
        found = matcher.match(text, lambda cue: _is_open(cue, used), vectors)
        normal = _normal(text)
        if heard and (found is None or found.length < len(normal)) and _REPEAT.fullmatch(normal):
            return _Answer(_SAID_AGAIN + (meant.text if rest else heard).removeprefix(_SAID_AGAIN), asks=meant.asks)
        if found is not None and not _is_in_passing(persona, found, text, used):
            return _by_cue(persona, found.cue, text, used)
    if heard and (_GO_ON.fullmatch(said) or _HOLD.fullmatch(said)):
        return _Answer(_LISTENING[used.asides % len(_LISTENING)])
    if (known := _by_fact(persona, unanswered[-1], used, vectors)) is not None:
        return known
    spoken, lines = off_script(persona, unanswered[-1], used.lines, used.cues)
    return _Answer(spoken, lines=lines)


def _is_open(cue: Cue, used: _Said) -> bool:
    """Return whether a cue counts now, by what has been said."""
    if cue.once and used.cues.get(cue.id):
        return False
    if any(used.cues.get(later) for later in cue.before):
        return False
    return not cue.after or any(used.cues.get(earlier) for earlier in cue.after)


def _is_in_passing(persona: Persona, found: Match, text: str, used: _Said) -> bool:
    """Return whether a line only touches on the cue, and the persona has a reaction to what the line does instead."""
    if found.cue.reacts or not persona.reactions or found.score >= (DOUBTFUL if found.crosses else WEAK):
        return False
    done = utterances(text)
    return bool(done) and (found.crosses or done[0] in ("kind", "rude")) and has_reaction(persona, done, used.lines)


def _by_cue(persona: Persona, cue: Cue, text: str, used: _Said) -> _Answer:
    """Answer with a cue's next line, in the learner's tone; at a rude word it is answered first."""
    times, how = used.cues.get(cue.id, 0), tone(text)
    lines = (cue.kind if how == "kind" else cue.rude if how == "rude" else ()) or cue.say
    if times >= len(lines) and (again := _again(persona, used)):
        steer = None if again.endswith("?") else way_back(persona.steers, used.lines, used.cues)
        added = (again, steer.say) if steer else (again,)
        return _Answer(" ".join(added), cue.id, added, _asks(cue))
    line = lines[min(times, len(lines) - 1)]
    if how == "rude" and not cue.reacts and not cue.rude and (first := opener(persona, "rude", used.lines)):
        return _Answer(f"{first} {line}", cue.id, (first,), _asks(cue))
    return _Answer(line, cue.id, asks=_asks(cue))


def _again(persona: Persona, used: _Said) -> str | None:
    """Return an unused line for a matter on which the persona has said all it has."""
    return next((line for line in persona.reactions.get("again", ()) if not used.lines.get(line)), None)


def _by_fact(persona: Persona, text: str, used: _Said, vectors: Vectors | None) -> _Answer | None:
    """Answer a question with a fact among the persona's instructions."""
    if not asks_for_a_fact(text):
        return None
    fact = fact_for(persona, text, used.lines, vectors)
    return None if fact is None else _Answer(fact, lines=(fact,))


def _asks(cue: Cue) -> EndCall | Transfer | None:
    if cue.transfer:
        return Transfer(cue.transfer)
    return EndCall() if cue.ends_call else None


def _unheard(heard: str, meant: str) -> str:
    """Return the unheard rest of an interrupted reply, from the start of the interrupted sentence; "" if none was."""
    start, whole = " ".join(heard.split()).rstrip(" .,…—-"), " ".join(meant.split())
    if not start or not whole.startswith(start) or not whole[len(start) :].strip(" .,!?…—-\"'"):
        return ""
    sentence = max((end.end() for end in re.finditer(r"[.!?]\s+", whole[: len(start) + 2])), default=0)
    return whole[sentence:]


def _normal(text: str) -> str:
    return normalised(text)[-MAX_MATCHED_CHARS:]


def _words(text: str) -> Iterator[str]:
    return (found.group() for found in re.finditer(r"\S+\s*", text))
