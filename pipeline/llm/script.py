"""A scripted persona in a conversation: what it answers to each line, by its cues and what was said before."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from models.records.core import Cue, Persona
from models.records.resources import filled
from pipeline.conversation.reply import HistoryEntry
from pipeline.conversation.tools import EndCall, Transfer
from pipeline.llm.facts import fact_for
from pipeline.llm.matching import DOUBTFUL, MAX_MATCHED_CHARS, WEAK, Match, Vectors, matcher_of
from pipeline.llm.off_script import has_reaction, off_script, opener, way_back
from pipeline.llm.reflection import normalised
from pipeline.llm.utterances import asks_for_a_fact, tone, utterances

_MAX_READ_CHARS = 2 * MAX_MATCHED_CHARS
_TAKEN_UP = "As I was saying: "
_SAID_AGAIN = "I said: "
_LISTENING = ("Go on, I am listening.", "Sorry, you first.", "I am all ears.")
ANSWER = "{answer}"
"""What a document says, in a persona's line for it."""

Documented = Callable[[str], str | None]
"""Returns what documents say to a line; None where they do not answer it."""


def nothing_written(line: str) -> None:
    """Answer no line: there are no documents."""


SILENCE = ("I did not hear anything. Are you still there?", "Hello? I think that I lost you.")
"""What the persona says after a long silence, in turn, and to what has no word."""

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
class _Used:
    """How often each cue and each other line was used."""

    cues: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    asides: int = 0

    def up(self, given: "ScriptedAnswer") -> None:
        """Count an answer."""
        if given.cue is not None:
            self.cues[given.cue] = self.cues.get(given.cue, 0) + 1
        for line in given.lines:
            self.lines[line] = self.lines.get(line, 0) + 1
        if given.cue is None and not given.lines:
            self.asides += 1


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """An answer, what of the pack it is made of, and what it asks of the call."""

    text: str
    cue: str | None = None
    lines: tuple[str, ...] = ()
    asks: EndCall | Transfer | None = None


@dataclass(frozen=True, slots=True)
class LastWords:
    """What the learner has said since the persona's last entry.

    Attributes:
        last: its last entry.
        whole: the end of all of it, for an utterance that a barge-in split.
    """

    last: str
    whole: str

    @classmethod
    def after(cls, said: "LastWords | None", text: str) -> "LastWords":
        """Return the words that a further entry makes of those before it."""
        last = text[-_MAX_READ_CHARS:]
        return cls(last, last if said is None else f"{said.whole} {last}"[-_MAX_READ_CHARS:])

    def forms(self) -> tuple[str, ...]:
        """Return what is matched of it, each once."""
        return (self.last,) if self.last == self.whole else (self.last, self.whole)


class ReplayedScript:
    """A conversation with a persona, replayed up to some entry of its history.

    Only the learner's entries count, since the persona's are stored as heard and may be truncated. An entry of the
    learner without an answer uses no cue up: its reply was discarded before it was heard.
    """

    def __init__(self, persona: Persona) -> None:
        self._persona = persona
        self._used = _Used()
        self._heard, self._meant = "", ScriptedAnswer(filled(persona.greeting))
        self._said: LastWords | None = None

    def copy(self) -> "ReplayedScript":
        """Return a script at the same entry, to be replayed on by itself."""
        other = ReplayedScript(self._persona)
        other._used = _Used(dict(self._used.cues), dict(self._used.lines), self._used.asides)
        other._heard, other._meant, other._said = self._heard, self._meant, self._said
        return other

    def hear(self, entry: HistoryEntry, vectors: Vectors | None, documented: Documented = nothing_written) -> None:
        """Take the next entry."""
        if entry.role == "user":
            self._said = LastWords.after(self._said, entry.text)
            return
        if self._said is not None:
            given = self.answer(vectors, documented)
            self._used.up(given)
            self._meant = replace(given, text=filled(given.text))
        self._said, self._heard = None, entry.text

    def answer(self, vectors: Vectors | None, documented: Documented = nothing_written) -> ScriptedAnswer:
        """Answer what the learner said since the persona's last entry.

        Args:
            vectors: of what is compared, where there is a sentence model.
            documented: returns what the scenario's documents say to a line.
        """
        if self._said is None:
            return ScriptedAnswer("")
        given = _respond(self._persona, self._said, self._heard, self._meant, self._used, vectors)
        if given is None:
            given = _by_document(self._persona, self._said.last, self._used, documented)
        return given or _off_script(self._persona, self._said.last, self._used)


def _respond(
    persona: Persona, line: LastWords, heard: str, meant: ScriptedAnswer, used: _Used, vectors: Vectors | None
) -> ScriptedAnswer | None:
    said = _normal(line.last)
    if not said:
        return ScriptedAnswer(SILENCE[used.asides % len(SILENCE)])
    rest = _unheard(heard, meant.text)
    if rest and _GO_ON.fullmatch(said):
        return ScriptedAnswer(_TAKEN_UP + rest.removeprefix(_TAKEN_UP), asks=meant.asks)
    if rest and _HOLD.fullmatch(said):
        return ScriptedAnswer(_LISTENING[used.asides % len(_LISTENING)])
    matcher = matcher_of(persona.cues)
    # Match an utterance that a barge-in split ("can you" / "repeat that") as a whole, if its end alone has no match.
    for text in line.forms():
        found = matcher.match(text, lambda cue: _is_open(cue, used), vectors)
        normal = _normal(text)
        if heard and (found is None or found.length < len(normal)) and _REPEAT.fullmatch(normal):
            return ScriptedAnswer(
                _SAID_AGAIN + (meant.text if rest else heard).removeprefix(_SAID_AGAIN), asks=meant.asks
            )
        if found is not None and not _is_in_passing(persona, found, text, used):
            return _by_cue(persona, found.cue, text, used)
    if heard and (_GO_ON.fullmatch(said) or _HOLD.fullmatch(said)):
        return ScriptedAnswer(_LISTENING[used.asides % len(_LISTENING)])
    return _by_fact(persona, line.last, used, vectors)


def _off_script(persona: Persona, text: str, used: _Used) -> ScriptedAnswer:
    spoken, lines = off_script(persona, text, used.lines, used.cues)
    return ScriptedAnswer(spoken, lines=lines)


def _is_open(cue: Cue, used: _Used) -> bool:
    """Return whether a cue counts now, by what has been said."""
    if cue.once and used.cues.get(cue.id):
        return False
    if any(used.cues.get(later) for later in cue.before):
        return False
    return not cue.after or any(used.cues.get(earlier) for earlier in cue.after)


def _is_in_passing(persona: Persona, found: Match, text: str, used: _Used) -> bool:
    """Return whether a line only touches on the cue, and the persona has a reaction to what the line does instead."""
    if found.cue.reacts or not persona.reactions or found.score >= (DOUBTFUL if found.crosses else WEAK):
        return False
    done = utterances(text)
    return bool(done) and (found.crosses or done[0] in ("kind", "rude")) and has_reaction(persona, done, used.lines)


def _by_cue(persona: Persona, cue: Cue, text: str, used: _Used) -> ScriptedAnswer:
    """Answer with a cue's next line, in the learner's tone; at a rude word it is answered first."""
    times, how = used.cues.get(cue.id, 0), tone(text)
    lines = (cue.kind if how == "kind" else cue.rude if how == "rude" else ()) or cue.say
    if times >= len(lines) and (again := _again(persona, used)):
        steer = None if again.endswith("?") else way_back(persona.steers, used.lines, used.cues)
        added = (again, steer.say) if steer else (again,)
        return ScriptedAnswer(" ".join(added), cue.id, added, _asks(cue))
    line = lines[min(times, len(lines) - 1)]
    if how == "rude" and not cue.reacts and not cue.rude and (first := opener(persona, "rude", used.lines)):
        return ScriptedAnswer(f"{first} {line}", cue.id, (first,), _asks(cue))
    return ScriptedAnswer(line, cue.id, asks=_asks(cue))


def _again(persona: Persona, used: _Used) -> str | None:
    """Return an unused line for a matter on which the persona has said all it has."""
    return next((line for line in persona.reactions.get("again", ()) if not used.lines.get(line)), None)


def _by_fact(persona: Persona, text: str, used: _Used, vectors: Vectors | None) -> ScriptedAnswer | None:
    """Answer a question with a fact among the persona's instructions."""
    if not asks_for_a_fact(text):
        return None
    fact = fact_for(persona, text, used.lines, vectors)
    return None if fact is None else ScriptedAnswer(fact, lines=(fact,))


def _by_document(persona: Persona, text: str, used: _Used, documented: Documented) -> ScriptedAnswer | None:
    """Answer a question with what a document says, in one of the persona's lines for that."""
    leads = document_leads(persona)
    said = documented(text) if leads else None
    if said is None:
        return None
    lead = min(leads, key=lambda line: used.lines.get(line, 0))
    return ScriptedAnswer(lead.replace(ANSWER, said), lines=(lead,))


def document_leads(persona: Persona) -> tuple[str, ...]:
    """Return the lines in which a persona says what documents do; none where it does not know them."""
    return persona.reactions.get("document", () if persona.cues or persona.reactions else (ANSWER,))


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
