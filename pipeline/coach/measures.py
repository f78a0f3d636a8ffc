"""Countable measures of a chat: objectives covered, questions asked, turns taken, share of talk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from models.patterns import pattern
from models.records.core import Message
from models.records.resources import Standard
from pipeline.coach.coach import CoachingTask
from pipeline.llm.reflection import normalised

TURNS_FOR_ALL = 6
"""Turns of the learner that earn all points for engagement."""

QUESTIONS_FOR_ALL = 4
"""Questions that earn all points; an open question counts as one, a closed one as half."""

BALANCED = (0.25, 0.65)
"""The learner's share of the talk that earns all points; the score falls to zero at 0 and at 1."""

_SENTENCE = re.compile(r"[^.!?…]+[.!?…]*")
_OPEN = re.compile(
    r"^(so |and |but |well |okay |now )*(what|how|why|tell me|which|who|where|when|describe|could you tell)\b"
)
_ASKS = re.compile(
    r"^(so |and |but |well |okay |now )*(what|when|where|who|whom|why|how|which|do|does|did|is|are|am|was|were|can|"
    r"could|will|would|shall|should|may|have|has|tell me)\b"
)
_COMMON = frozenset(
    "about after also and any are ask been before being but can could does from get give give gives given has have her "
    "his how into its just leave let like made make more much not one only other our out over say she should some such "
    "take that the their them then there these they this those through told under until very was way were what when "
    "where which while who with without word words would you your plain explain explaining offer find recognise "
    "recognize will recognising listen telling show".split()
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A verbatim sentence of a message."""

    message: Message
    text: str

    @property
    def plain(self) -> str:
        """The sentence in lower case, without punctuation."""
        return normalised(self.text)

    @property
    def asks(self) -> bool:
        """Whether it is a question; transcripts have no question marks, so the first words may tell."""
        return self.text.rstrip().endswith("?") or bool(_ASKS.match(self.plain))

    @property
    def is_open(self) -> bool:
        """Whether it asks for more than yes or no."""
        return self.asks and bool(_OPEN.match(self.plain))


@dataclass(frozen=True, slots=True)
class Finding:
    """The degree to which something was met, from 0 to 1, with the reason and the sentences that show it."""

    share: float
    reason: str
    evidence: tuple[Sentence, ...] = ()


def sentences(messages: Sequence[Message]) -> Iterator[Sentence]:
    """Yield the sentences of these messages, in order."""
    for message in messages:
        for found in _SENTENCE.finditer(message.text):
            if (text := found.group().strip()) and normalised(text):
                yield Sentence(message, text)


def measured(standard: Standard, task: CoachingTask) -> Finding:
    """Measure how far a standard was met, by its measure."""
    if not task.learner:
        return Finding(0.0, "The learner has said nothing yet.")
    match standard.measure:
        case "signs":
            return _signs(standard, task)
        case "questions":
            return _questions(task)
        case "turns":
            turns = len(task.learner)
            return Finding(
                min(1.0, turns / TURNS_FOR_ALL), f"{_counted(turns, 'turn')} taken; {TURNS_FOR_ALL} earn all points."
            )
        case "balance":
            return _balance(task)
        case _:
            return _objectives(task)


def covered(objective: str, said: Sequence[Sentence]) -> Sentence | None:
    """Return the sentence nearest to an objective; None unless the learner used a third of its content words."""
    wanted = _content(normalised(objective))
    if not wanted:
        return None
    all_words = set().union(*(_content(sentence.plain) for sentence in said)) if said else set()
    if len(wanted & all_words) * 3 < len(wanted):
        return None
    return max(said, key=lambda sentence: len(wanted & _content(sentence.plain)))


def talk_share(task: CoachingTask) -> tuple[float, str]:
    """Return the learner's share of the talk and its unit: time if the call has timings, else words."""
    timed = [item for item in task.chat.messages if item.started_ms is not None and item.ended_ms is not None]
    if {item.role for item in timed} == {"user", "assistant"}:
        own = sum((item.ended_ms or 0) - (item.started_ms or 0) for item in timed if item.role == "user")
        whole = sum((item.ended_ms or 0) - (item.started_ms or 0) for item in timed)
        if whole > 0:
            return own / whole, "time"
    own_words = sum(len(item.text.split()) for item in task.learner)
    all_words = own_words + sum(len(item.text.split()) for item in task.persona)
    return (own_words / all_words if all_words else 0.0), "words"


def _objectives(task: CoachingTask) -> Finding:
    objectives = task.chat.scenario.objectives if task.chat.scenario else ()
    said = list(sentences(task.learner))
    if not objectives:
        share = min(1.0, len(task.learner) / TURNS_FOR_ALL)
        return Finding(share, "The scenario names no objectives, so the turns taken are counted.")
    evidence = {objective: covered(objective, said) for objective in objectives}
    met = [objective for objective, sentence in evidence.items() if sentence is not None]
    missed = [objective for objective, sentence in evidence.items() if sentence is None]
    reason = f"{len(met)} of {_counted(len(objectives), 'objective')} covered."
    if missed:
        reason += f" Not yet: {_joined(missed)}"
    return Finding(
        len(met) / len(objectives), reason, tuple(sentence for sentence in evidence.values() if sentence is not None)
    )


def _signs(standard: Standard, task: CoachingTask) -> Finding:
    found: dict[str, Sentence] = {}
    for sign in standard.signs:
        wanted = pattern(sign, at_words=True)
        for sentence in sentences(task.learner):
            if wanted.found_in(sentence.plain):
                found[sign] = sentence
                break
    share = min(1.0, len(found) / standard.needed)
    reason = (
        f"{_counted(len(found), 'sign')} of {len(standard.signs)} found; {standard.needed} "
        f"{'earns' if standard.needed == 1 else 'earn'} all points."
    )
    return Finding(share, reason, tuple(dict.fromkeys(found.values())))


def _questions(task: CoachingTask) -> Finding:
    asked = [sentence for sentence in sentences(task.learner) if sentence.asks]
    open_ones = [sentence for sentence in asked if sentence.is_open]
    weight = len(open_ones) + (len(asked) - len(open_ones)) / 2
    reason = (
        f"{_counted(len(asked), 'question')} asked, {len(open_ones)} of them open; an open one counts whole, a closed "
        f"one half, and {QUESTIONS_FOR_ALL} earn all points."
    )
    return Finding(min(1.0, weight / QUESTIONS_FOR_ALL), reason, tuple(open_ones or asked))


def _balance(task: CoachingTask) -> Finding:
    share, unit = talk_share(task)
    low, high = BALANCED
    full = 1.0 if low <= share <= high else share / low if share < low else (1 - share) / (1 - high)
    reason = f"The learner had {share:.0%} of the talk, counted in {unit}; {low:.0%} to {high:.0%} earns all points."
    return Finding(max(0.0, min(1.0, full)) if task.persona else 0.0, reason)


def _content(plain: str) -> set[str]:
    return {_stem(word) for word in plain.split() if len(word) > 2 and word not in _COMMON}


def _stem(word: str) -> str:
    for ending in (
        "ations",
        "ation",
        "ingly",
        "ings",
        "ing",
        "edly",
        "ies",
        "ied",
        "ers",
        "er",
        "ed",
        "es",
        "ly",
        "y",
        "s",
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _joined(items: Sequence[str]) -> str:
    return "; ".join(item.rstrip(".") for item in items) + "."
