"""Measures of a chat: objectives met and broken, signs, questions, turns, share of talk, the quiz."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from models.records.criteria import Criterion, Sign
from models.records.resources import Advice, Standard
from pipeline.coach.breaches import Breach, breaches
from pipeline.coach.coach import CoachingTask
from pipeline.coach.evidence import found_in
from pipeline.coach.piles import signs_of, to_the_point
from pipeline.coach.speech import MOST_SIGNS, Sentence, sentences
from pipeline.coach.words import content

TURNS_FOR_ALL = 6
"""Turns of the learner that earn all points for engagement."""

LEAST_TURNS = 3
"""Turns of the learner that make a conversation: fewer earn a part, and meet no objective that only forbids."""

QUESTIONS_FOR_ALL = 4
"""Questions that earn all points; an open question counts as one, a closed one as half."""

BALANCED = (0.25, 0.65)
"""The learner's share of the talk that earns all points; the score falls to zero at 0 and at 1."""

MOST_SENTENCES = 500
"""Number of the learner's sentences that are read, which bounds the cost of a chat."""

BREACH_COSTS = 0.2
"""The share of its points that each breach takes from every standard but the quiz."""

_QUOTED_WORDS = 14


@dataclass(frozen=True, slots=True)
class Finding:
    """The degree to which something was met, from 0 to 1.

    Attributes:
        reason: what was good, quoted, and what to do; told to the learner.
        evidence: the sentences that show it.
        advice: what to do next time, with an example, the most useful first.
    """

    share: float
    reason: str
    evidence: tuple[Sentence, ...] = ()
    advice: tuple[Advice, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectiveFinding:
    """How far an objective was met, by which sentences, and what broke it."""

    objective: str
    share: float
    evidence: tuple[Sentence, ...] = ()
    broken: tuple[Breach, ...] = ()
    advice: tuple[Advice, ...] = ()


class Reading:
    """A chat, read once for all measures.

    Attributes:
        task: the chat with its rubric.
        every: all sentences of the learner.
        said: those that count: said to somebody, once each.
        faults: why others do not count.
    """

    def __init__(self, task: CoachingTask) -> None:
        self.task = task
        self.every = tuple(islice(sentences(task.learner), MOST_SENTENCES))
        recited = [*task.objectives, *(standard.description for standard in task.rubric.standards)]
        signs = signs_of(task)
        heard = [message.text for message in task.persona]
        found = to_the_point(found_in(self.every, recited, heard, signs), signs, task)
        self.said, self.faults = found.said, found.faults

    @cached_property
    def breaches(self) -> tuple[Breach, ...]:
        """What was said and must not be."""
        objectives = set(self.task.objectives)
        return breaches(self.every, [item for item in self.task.criteria if item.objective in objectives])

    @cached_property
    def rude(self) -> tuple[Breach, ...]:
        """The rude remarks."""
        return tuple(breach for breach in self.breaches if breach.objective is None)

    @cached_property
    def asked(self) -> tuple[Sentence, ...]:
        """The questions, without rude ones."""
        rude = {breach.sentence.plain for breach in self.rude}
        return tuple(sentence for sentence in self.said if sentence.asks and sentence.plain not in rude)

    @cached_property
    def turns(self) -> int:
        """Number of the learner's messages in which something was said."""
        return len({sentence.message.id for sentence in self.said})

    @cached_property
    def objectives(self) -> tuple[ObjectiveFinding, ...]:
        """How far each objective was met."""
        by_text = {criterion.objective: criterion for criterion in self.task.criteria}
        return tuple(self._objective(text, by_text.get(text)) for text in self.task.objectives)

    def _objective(self, text: str, criterion: Criterion | None) -> ObjectiveFinding:
        if criterion is None:
            met = covered(text, self.said)
            return ObjectiveFinding(text, 1.0 if met else 0.0, (met,) if met else ())
        broken = tuple(breach for breach in self.breaches if breach.objective == text)
        found = shown(criterion.signs, self.said)
        missing = tuple(Advice(sign.do, sign.say) for sign in criterion.signs if sign not in found and sign.do)
        if criterion.signs:
            share = min(1.0, len(found) / criterion.needed)
        else:
            share = 1.0 if self.turns >= LEAST_TURNS else 0.0
        evidence = tuple(dict.fromkeys(found.values()))
        return ObjectiveFinding(text, 0.0 if broken else share, evidence, broken, missing if share < 1 else ())


def shown(signs: Sequence[Sign], said: Sequence[Sentence]) -> dict[Sign, Sentence]:
    """Return the signs that are found, each with the first sentence that shows it."""
    found: dict[Sign, Sentence] = {}
    count: dict[Sentence, int] = {}
    for sign in signs:
        for sentence in said:
            if count.get(sentence, 0) < MOST_SIGNS and sentence.affirms(sign.pattern):
                found[sign] = sentence
                count[sentence] = count.get(sentence, 0) + 1
                break
    return found


def measured(standard: Standard, reading: Reading) -> Finding:
    """Measure how far a standard was met, by its measure."""
    if standard.measure == "quiz":
        return _quiz(reading.task)
    if not reading.task.learner:
        return Finding(0.0, "You have said nothing yet.")
    match standard.measure:
        case "signs":
            found = _signs(standard, reading)
        case "questions":
            found = _questions(reading)
        case "turns":
            found = _turns(reading)
        case "balance":
            found = _balance(reading)
        case _:
            found = _objectives(reading)
    if reading.faults and not reading.said:
        sentence, reason = reading.faults[0].sentence, reading.faults[0].reason
        told = f"{quoted(sentence)} {reason.short}"
        return Finding(0.0, f"{reason.name}, so that the other person can follow: {told}.")
    if not reading.breaches:
        return found
    share = found.share * max(0.0, 1 - BREACH_COSTS * len(reading.breaches))
    first = reading.breaches[0]
    if found.share and first.tell not in found.reason:
        return Finding(share, f"{found.reason} What counts against it: {first.tell}", found.evidence, found.advice)
    return Finding(share, found.reason, found.evidence, found.advice)


def carried(found: Finding, standard: Standard, reading: Reading) -> Finding:
    """Return a finding with the part of its share that a conversation of so few turns earns.

    Three turns earn all, or one for every two things that the task looks for, where these are few.
    """
    task = reading.task
    needed = sum(item.needed for item in task.criteria if item.signs)
    needed += sum(item.needed for item in task.rubric.standards if item.measure == "signs")
    part = min(1.0, reading.turns / max(1, min(LEAST_TURNS, math.ceil(needed / 2))))
    if part >= 1 or not found.share or standard.measure in ("quiz", "turns"):
        return found
    told = f"{found.reason} Talk on: so short a conversation earns a part of it."
    return replace(found, share=found.share * part, reason=told)


def covered(objective: str, said: Sequence[Sentence]) -> Sentence | None:
    """Return the sentence nearest to an objective; None unless the learner used a third of its content words."""
    wanted = content(objective)
    if not wanted:
        return None
    all_words = set().union(*(content(sentence.plain) for sentence in said)) if said else set()
    if len(wanted & all_words) * 3 < len(wanted):
        return None
    return max(said, key=lambda sentence: len(wanted & content(sentence.plain)))


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


def quoted(sentence: Sentence) -> str:
    """Return a sentence as a quotation, cut where it is long."""
    words = sentence.text.split()
    return f"“{' '.join(words[:_QUOTED_WORDS])}{' …' if len(words) > _QUOTED_WORDS else ''}”"


def _objectives(reading: Reading) -> Finding:
    if not reading.task.objectives:
        share = min(1.0, reading.turns / TURNS_FOR_ALL)
        return Finding(share, "The scenario names no objectives. Find out what the other person needs, and settle it.")
    parts = []
    for item in reading.objectives:
        if item.broken:
            first = item.broken[0]
            said = f"You said {quoted(first.sentence)}; say instead “{first.instead}”"
            parts.append(f"Broken: {item.objective} {first.tell} {said}")
        elif item.share >= 1:
            proof = f" ({quoted(item.evidence[0])})" if item.evidence else ""
            parts.append(f"Met: {item.objective.rstrip('.')}{proof}.")
        else:
            todo = " ".join(_told(advice) for advice in item.advice[:2])
            parts.append(f"{'In part' if item.share else 'Still to do'}: {item.objective} {todo}".strip())
    broken = any(item.broken for item in reading.objectives)
    share = sum(item.share for item in reading.objectives) / len(reading.objectives)
    evidence = tuple(sentence for item in reading.objectives for sentence in item.evidence if not item.broken)
    advice = tuple(advice for item in reading.objectives for advice in item.advice)
    # What must not happen undoes half of the rest.
    return Finding(share / 2 if broken else share, " ".join(parts), evidence, advice)


def _signs(standard: Standard, reading: Reading) -> Finding:
    advice = standard.advice or tuple(Advice() for _ in standard.signs)
    signs = tuple(Sign(sign, tip.do, tip.say) for sign, tip in zip(standard.signs, advice, strict=False))
    found = shown(signs, reading.said)
    share = min(1.0, len(found) / standard.needed)
    evidence = tuple(dict.fromkeys(found.values()))
    parts = [f"Good: {', '.join(quoted(sentence) for sentence in evidence[:2])}."] if evidence else []
    missing: tuple[Advice, ...] = ()
    if share < 1:
        missing = tuple(Advice(sign.do, sign.say) for sign in signs if sign not in found and sign.do)
        parts += [_told(tip) for tip in missing[:2]]
        if not missing and standard.description:
            parts.append(f"Next time: {standard.description}")
        elif not missing:
            parts.append(f"Next time, work on this: {standard.name}.")
    return Finding(share, " ".join(parts), evidence, missing)


def _questions(reading: Reading) -> Finding:
    open_ones = [sentence for sentence in reading.asked if sentence.is_open]
    weight = len(open_ones) + (len(reading.asked) - len(open_ones)) / 2
    share = min(1.0, weight / QUESTIONS_FOR_ALL)
    evidence = tuple(open_ones) or reading.asked
    parts = []
    if evidence:
        opened = "You asked openly" if open_ones else "You asked"
        parts.append(f"{opened}: {', '.join(quoted(sentence) for sentence in evidence[:2])}.")
    advice: tuple[Advice, ...] = ()
    if share < 1:
        do = (
            "Ask more before you explain."
            if open_ones
            else "Ask with what, how or why: such questions bring more than a yes or a no."
        )
        advice = (Advice(do, "What matters most to you in this?"),)
        parts.append(_told(advice[0]))
    return Finding(share, " ".join(parts), evidence, advice)


def _turns(reading: Reading) -> Finding:
    share = min(1.0, reading.turns / TURNS_FOR_ALL)
    if share >= 1:
        return Finding(share, "You stayed with the conversation.")
    advice = Advice("Stay with it until something is settled.", "What else can I do for you?")
    return Finding(share, _told(advice), advice=(advice,))


def _balance(reading: Reading) -> Finding:
    share, _ = talk_share(reading.task)
    low, high = BALANCED
    is_talk = bool(reading.task.persona and reading.said)
    if not is_talk or _words(reading.said) * 2 < _words(reading.every):
        return Finding(0.0, "Talk with the other person, in sentences that are meant for them.")
    if low <= share <= high:
        return Finding(1.0, "Both of you had room to speak.")
    if share < low:
        advice = Advice("Say more: explain what you can do and why.")
        return Finding(share / low, _told(advice), advice=(advice,))
    advice = Advice("Let the other person in sooner: stop after two sentences.", "What do you think about that?")
    return Finding(max(0.0, (1 - share) / (1 - high)), _told(advice), advice=(advice,))


def _words(said: Sequence[Sentence]) -> int:
    return sum(len(sentence.plain.split()) for sentence in said)


def _quiz(task: CoachingTask) -> Finding:
    if not task.quiz:
        return Finding(1.0, "This chat asks no questions beside the conversation.")
    right = [item for item in task.quiz if item.is_right]
    parts = [f"Answered rightly: {item.question}" for item in right]
    parts += [f"Look again at this one: {item.question}" for item in task.quiz if item.is_right is False]
    parts += [f"Answer this one, too: {item.question}" for item in task.quiz if item.is_right is None]
    return Finding(len(right) / len(task.quiz), " ".join(parts))


def _told(advice: Advice) -> str:
    return f"{advice.do.rstrip('.')}, as in “{advice.say}”" if advice.say else advice.do
