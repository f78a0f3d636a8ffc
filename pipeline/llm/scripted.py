"""The scripted persona: answers deterministically by the cues of its content pack, without a model or a network."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from models.patterns import pattern
from models.records.core import Cue, Persona
from pipeline.conversation.reply import HistoryEntry, ReplyContext, ReplyPart
from pipeline.conversation.tools import EndCall, Transfer
from pipeline.llm.reflection import normalised, reflected, topic

DEFAULT_GREETING = "Hello. I am listening."
_PUZZLED = "I am not sure that I understood you. Could you put it another way?"
DEFAULT_FALLBACKS = (
    "{topic}, you say. Tell me a little more about that.",
    "So {said}. And what follows from that?",
    _PUZZLED,
    "Let us stay with {topic} for a moment. What should I know about it?",
)
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
    _LEAD + r"((i am )?sorry |please )?((can|could|would|will) you (please )?)?"
    r"(repeat|say (that|it)|what did you (just )?say|what was that|come again|once more|one more time|pardon|"
    r"i did not (hear|catch|get))( (that|it|you|me|again|once|more|one|time|please|what|said))*"
)
# Utterances are short; of a longer text only the end is matched, which bounds the cost of a pack's patterns.
_MAX_MATCHED_CHARS = 600


@dataclass(slots=True)
class _Said:
    """The cues and fallbacks used so far, reconstructed by replaying the history."""

    cues: dict[str, int] = field(default_factory=dict)
    fallbacks: dict[str, int] = field(default_factory=dict)
    asides: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    cue: str | None = None
    fallback: str | None = None
    asks: EndCall | Transfer | None = None


class ScriptedResponder:
    """A deterministic `Responder`: its reply is a function of persona and history."""

    name = "scripted"

    async def reply(self, context: ReplyContext) -> AsyncIterator[ReplyPart]:
        """Stream the reply word by word, and what its cue asks for."""
        given = _answer(context.persona, context.history)
        for delta in _words(given.text):
            yield delta
        if given.asks is not None:
            yield given.asks

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def answer(persona: Persona, history: Sequence[HistoryEntry]) -> str:
    """Return the persona's next reply."""
    return _answer(persona, history).text


def cue_for(persona: Persona, history: Sequence[HistoryEntry]) -> str | None:
    """Return the id of the cue that answers the last entry, or None."""
    return _answer(persona, history).cue


def _answer(persona: Persona, history: Sequence[HistoryEntry]) -> _Answer:
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
    heard, meant = "", _Answer(persona.greeting)
    given = _Answer("")
    for line in history:
        if line.role == "user":
            unanswered.append(normalised(line.text)[-_MAX_MATCHED_CHARS:])
            given = _respond(persona, unanswered, heard, meant, used)
        else:
            if unanswered:
                _use_up(used, given)
                meant = given
            unanswered, heard = [], line.text
    return given


def _asked(history: Sequence[HistoryEntry]) -> _Answer:
    """Ask whether anybody is there, not twice in the same words."""
    spoken = sum(line.role == "assistant" and line.text in _SILENCE for line in history)
    return _Answer(_SILENCE[spoken % len(_SILENCE)])


def _use_up(used: _Said, given: _Answer) -> None:
    if given.cue is not None:
        used.cues[given.cue] = used.cues.get(given.cue, 0) + 1
    elif given.fallback is not None:
        used.fallbacks[given.fallback] = used.fallbacks.get(given.fallback, 0) + 1
    else:
        used.asides += 1


def _respond(persona: Persona, unanswered: Sequence[str], heard: str, meant: _Answer, used: _Said) -> _Answer:
    said = unanswered[-1]
    if not said:
        return _Answer(_SILENCE[used.asides % len(_SILENCE)])
    rest = _unheard(heard, meant.text)
    if rest and _GO_ON.fullmatch(said):
        return _Answer(_TAKEN_UP + rest.removeprefix(_TAKEN_UP), asks=meant.asks)
    if rest and _HOLD.fullmatch(said):
        return _Answer(_LISTENING[used.asides % len(_LISTENING)])
    # Match an utterance that a barge-in split ("can you" / "repeat that") as a whole, if its end alone has no match.
    for text in dict.fromkeys([said, " ".join(unanswered)]):
        cue, length = _best(persona.cues, text, used)
        if heard and length < len(text) and _REPEAT.fullmatch(text):
            return _Answer(_SAID_AGAIN + (meant.text if rest else heard).removeprefix(_SAID_AGAIN), asks=meant.asks)
        if cue is not None:
            line = cue.say[min(used.cues.get(cue.id, 0), len(cue.say) - 1)]
            return _Answer(line, cue=cue.id, asks=_asks(cue))
    if heard and (_GO_ON.fullmatch(said) or _HOLD.fullmatch(said)):
        return _Answer(_LISTENING[used.asides % len(_LISTENING)])
    return _fallback(persona, said, used)


def _asks(cue: Cue) -> EndCall | Transfer | None:
    if cue.transfer:
        return Transfer(cue.transfer)
    return EndCall() if cue.ends_call else None


def _best(cues: Sequence[Cue], said: str, used: _Said) -> tuple[Cue | None, int]:
    """Return the cue with the longest match in the utterance, and its length; on a tie, the first of the pack."""
    best: Cue | None = None
    longest = 0
    for cue in cues:
        if cue.once and used.cues.get(cue.id):
            continue
        if cue.after and not any(used.cues.get(earlier) for earlier in cue.after):
            continue
        length = _matched(cue.when, said)
        if length > longest:
            best, longest = cue, length
    return best, longest


# Each reply replays the whole history; the cache keeps long calls as fast as short ones.
@lru_cache(maxsize=20_000)
def _matched(when: tuple[str, ...], said: str) -> int:
    """Return the length of the longest match of these patterns, from the beginning of a word."""
    return max((pattern(one, at_words=True).longest_in(said) for one in when), default=0)


def _unheard(heard: str, meant: str) -> str:
    """Return the unheard rest of an interrupted reply, from the start of the interrupted sentence; "" if none was."""
    start, whole = " ".join(heard.split()).rstrip(" .,…—-"), " ".join(meant.split())
    if not start or not whole.startswith(start) or not whole[len(start) :].strip(" .,!?…—-\"'"):
        return ""
    sentence = max((end.end() for end in re.finditer(r"[.!?]\s+", whole[: len(start) + 2])), default=0)
    return whole[sentence:]


def _fallback(persona: Persona, said: str, used: _Said) -> _Answer:
    """Answer with the applicable fallback that was used least so far."""
    about, back = topic(said), reflected(said)
    fitting = [
        line
        for line in persona.fallbacks or DEFAULT_FALLBACKS
        if ("{topic}" not in line or about) and ("{said}" not in line or back)
    ]
    line = min(fitting, key=lambda line: used.fallbacks.get(line, 0), default=_PUZZLED)
    text = line.replace("{topic}", about or "").replace("{said}", back or "")
    return _Answer(text[:1].upper() + text[1:], fallback=line)


def _words(text: str) -> Iterator[str]:
    return (found.group() for found in re.finditer(r"\S+\s*", text))
