"""The rule-based coach: grades deterministically by what was said in a chat, without a model.

The rule: each standard earns its points times the share to which its measure is met, rounded half up:
  objectives  the mean of the scenario's objectives: by their criteria, else by a third of their words; one that is
              broken counts for nothing, and halves the rest;
  questions   open questions, and half of the closed ones, out of four;
  turns       the learner's turns out of six;
  balance     the learner's share of the talk, by the voice timings where there are some, best between 25 % and 65 %;
  signs       how many of the standard's own patterns were found, not negated, out of those needed;
  quiz        the share of the chat's questions that were answered rightly.
Only what is said to the other person counts (`evidence`, `piles`): no key words or spliced phrases, nothing twice,
nothing out of its place. Fewer than three turns earn a part. Each breach, a rude remark or what the scenario forbids,
takes a fifth from every standard but the quiz.
"""

import asyncio
import itertools
import re
from collections.abc import Sequence

from models.records.resources import Advice, Standard
from pipeline.coach.breaches import Breach
from pipeline.coach.coach import Assessment, CoachingTask, Passage, Remark, StandardScore
from pipeline.coach.measures import Finding, Reading, carried, measured, quoted, talk_share
from pipeline.coach.speech import Sentence, sentences
from pipeline.llm.reflection import normalised

STATED = "Graded offline, by stated rules: what was met and broken, asked and answered, and who talked how much."

_GOOD, _POOR = 0.75, 0.5
_MOST_REMARKS = 6
_LONG_WORDS = 60

# Habitual phrases and better ones; the first that matches a sentence is used.
_BETTER: tuple[tuple[re.Pattern[str], str, str, str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replace, name, why)
    for pattern, replace, name, why in (
        (
            r"\bI (?:can't|cannot|can not) [^.!?]*",
            "I am not able to do that, and here is what I can do for you",
            "Say what you can do",
            "A refusal that stands alone ends the conversation; what is possible keeps it going.",
        ),
        (
            r"\b[Yy]ou (?:need to|have to|must)\b(?! (?:be|feel|have)\b)",
            "would it help you to",
            "Ask rather than order",
            "People agree to a question more readily than to an order.",
        ),
        (
            r"\b(?:that is|that's|it is|it's) (?:the|our|a) (?:rule|policy|law)\b",
            "the reason is that it protects the person concerned",
            "Give the reason, not the rule",
            "A rule without its reason sounds like a door being shut.",
        ),
        (
            r"\b(?:obviously|as I (?:already )?said)\b",
            "let me put it another way",
            "Leave out the impatience",
            "Such words tell the other person that they should have understood.",
        ),
    )
)
_REFUSAL = _BETTER[0][0]
_WAY_OUT = re.compile(
    r"\b(?:but|however|instead|(?:you|he|she|they|we) (?:can|could|may)|\w+ will|I can\b)", re.IGNORECASE
)


class RuleCoach:
    """A `Coach` without a model and without a network."""

    name = "rule"

    async def assess(self, task: CoachingTask) -> Assessment:
        """Grade by the rules."""
        return await asyncio.to_thread(assess, task)

    async def hints(self, task: CoachingTask) -> tuple[str, ...]:
        """Return hints on what is still missing, most useful first."""
        return await asyncio.to_thread(hints, task)

    async def suggestions(self, task: CoachingTask) -> tuple[str, ...]:
        """Suggest messages from what is still missing."""
        return await asyncio.to_thread(suggestions, task)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def assess(task: CoachingTask) -> Assessment:
    """Grade a chat by the rules."""
    reading = Reading(task)
    findings = [
        (standard, carried(measured(standard, reading), standard, reading)) for standard in task.rubric.standards
    ]
    scores = tuple(
        StandardScore(standard, int(standard.points * finding.share + 0.5), finding.reason)
        for standard, finding in findings
    )
    score = sum(item.points for item in scores)
    verdict = "passed" if score >= task.rubric.pass_points else "not passed yet"
    if not scores:
        verdict = "as the rubric has no standards: add some, and grade again"
    broken = " ".join(dict.fromkeys(breach.tell for breach in reading.breaches))
    summary = f"{score} of {task.rubric.total_points} points, {verdict}. {f'{broken} ' if broken else ''}{STATED}"
    strengths = [remark for standard, finding in findings for remark in _strengths(standard.name, finding)]
    missing = [
        remark
        for standard, finding in sorted(findings, key=lambda pair: pair[1].share)
        if finding.share < _GOOD
        for remark in _missing_words(standard, finding, task)
    ]
    improvements = _one_for_each(
        [*broken_remarks(reading.breaches), *_not_counted(reading), *_better_words(task), *_too_long(task), *missing]
    )
    return Assessment(
        scores, summary, tuple(strengths[:_MOST_REMARKS]), tuple(improvements[:_MOST_REMARKS]), analyses(task)
    )


def broken_in(task: CoachingTask) -> tuple[Breach, ...]:
    """Return what was said in a chat and must not be."""
    return Reading(task).breaches


def broken_remarks(broken: Sequence[Breach]) -> list[Remark]:
    """Return an improvement for everything that must not be said, the scenario's first."""
    ordered = sorted(broken, key=lambda breach: breach.objective is None)
    return [
        Remark(
            breach.objective.rstrip(".") if breach.objective else "Stay friendly",
            breach.tell,
            breach.sentence.message.id,
            (Passage(breach.sentence.text, breach.instead),),
        )
        for breach in ordered
    ]


def analyses(task: CoachingTask) -> tuple[str, ...]:
    """Analyse the whole conversation in a few sentences."""
    reading = Reading(task)
    share, unit = talk_share(task)
    words = sum(len(item.text.split()) for item in task.learner)
    found = [
        f"The learner spoke {len(task.learner)} times, {words} words in all, and had {share:.0%} of the talk "
        f"(counted in {unit}).",
        f"{len(reading.asked)} of the learner's {len(reading.every)} sentences were questions, "
        f"{sum(sentence.is_open for sentence in reading.asked)} of them open.",
    ]
    if task.objectives:
        met = [item.objective for item in reading.objectives if item.share >= 1]
        found.append(f"Objectives met: {len(met)} of {len(task.objectives)}.{''.join(f' {item}' for item in met)}")
    found += [f"{breach.tell} ({quoted(breach.sentence)})" for breach in reading.breaches[:_MOST_REMARKS]]
    cut = sum(message.interrupted for message in task.chat.messages)
    if cut:
        found.append(f"The learner broke into the other person's words {cut} time{'' if cut == 1 else 's'}.")
    return tuple(found)


def hints(task: CoachingTask) -> tuple[str, ...]:
    """Return up to three hints: what was broken, an open question to answer, what is missing, what usually helps."""
    reading = Reading(task)
    found = [f"{breach.tell} Put it right: “{breach.instead}”" for breach in reading.breaches[-1:]]
    last = task.chat.messages[-1] if task.chat.messages else None
    if last is not None and last.role == "assistant" and last.text.rstrip().endswith("?"):
        question = [sentence.text for sentence in sentences([last]) if sentence.text.endswith("?")][-1:]
        found.append(f"You were asked something: {question[0] if question else last.text} Answer it before you go on.")
    found += [f"Not done yet: {item.objective}" for item in reading.objectives if item.share < 1 and not item.broken]
    if not any(sentence.is_open for sentence in reading.asked):
        found.append("Ask an open question, one that begins with what, how or why.")
    return tuple(found[:3]) or ("Sum up what you have agreed on, and ask whether anything is left.",)


def suggestions(task: CoachingTask) -> tuple[str, ...]:
    """Suggest up to three messages that the learner could say next."""
    reading = Reading(task)
    lines = []
    if not task.learner:
        lines.append("Good morning, how can I help you?")
    lines += [advice.say for item in reading.objectives for advice in item.advice[:1] if advice.say]
    lines.append("Could you tell me a little more about that?")
    documents = task.chat.documents
    if documents:
        lines.append(f"May I explain what it says in “{documents[0].name}”?")
    lines.append("What would help you most right now?")
    lines.append("Is there anything else that you would like to know?")
    said = {normalised(message.text) for message in task.learner}
    return tuple(line for line in lines if normalised(line) not in said)[:3]


def _not_counted(reading: Reading) -> list[Remark]:
    """Return an improvement for each sentence that does not count, with one to say in its place."""
    advised = [advice.say for item in reading.objectives for advice in item.advice if advice.say]
    better = itertools.cycle(advised or ["What matters most to you in this?"])
    return [
        Remark(fault.reason.name, fault.reason.why, fault.sentence.message.id, (Passage(fault.sentence.text, say),))
        for fault, say in zip(reading.faults, better, strict=False)
    ]


def _strengths(name: str, finding: Finding) -> list[Remark]:
    """Return a strength for the message that shows it best, with the sentences that do."""
    if finding.share < _GOOD or not finding.evidence:
        return []
    ids = [sentence.message.id for sentence in finding.evidence]
    best = max(ids, key=ids.count)
    passages = tuple(Passage(sentence.text) for sentence in finding.evidence if sentence.message.id == best)
    return [Remark(name, finding.reason, best, passages[:3])]


def _missing_words(standard: Standard, finding: Finding, task: CoachingTask) -> list[Remark]:
    """Return where what is missing could have been said, and how."""
    said = list(sentences(task.learner))
    advice = next((item for item in finding.advice if item.say), None)
    if not said or advice is None:
        return []
    if _OPENS.match(normalised(advice.say)):
        place = said[0]
        return [Remark(standard.name, advice.do, place.message.id, (_with(_opened(advice.say, place), place),))]
    if _HEARS.match(normalised(advice.say)):
        before = next((item for item in said if item.message.id != said[0].message.id), said[0])
        return [Remark(standard.name, advice.do, before.message.id, (_with(f"{advice.say} {before.text}", before),))]
    after = _place_after(standard, said, advice)
    if after is None:
        return []
    return [Remark(standard.name, advice.do, after.message.id, (_with(f"{after.text} {advice.say}", after),))]


def _with(better: str, sentence: Sentence) -> Passage:
    return Passage(sentence.text, better)


_OPENS = re.compile(r"(hello|hi|good (morning|afternoon|evening|day)|welcome|my name)\b")
# Said in answer to somebody's first words.
_HEARS = re.compile(r"(i (can )?(hear|see|understand|am sorry)|that must|you sound)\b")
_FAREWELL = re.compile(r"(good ?bye|bye|take care|have a|see you)\b")
_GREETING = re.compile(r"(?:hello|hi|welcome|good (?:morning|afternoon|evening|day))\b[,.!]?\s*", re.IGNORECASE)


def _opened(say: str, first: Sentence) -> str:
    """Return the first sentence with more said in it, after its greeting if it has one."""
    greeting = _GREETING.match(first.text)
    if greeting is None:
        return f"{say} {first.text}"
    rest = first.text[greeting.end() :]
    if _GREETING.match(say):
        return f"{say} {rest[:1].upper()}{rest[1:]}".strip()
    return f"{greeting.group().rstrip(' ,.!')}. {say} {rest[:1].upper()}{rest[1:]}".strip()


def _place_after(standard: Standard, said: Sequence[Sentence], advice: Advice) -> Sentence | None:
    """Return the sentence after which something is missing: a turn that only tells, the first one for a question."""
    asking = {sentence.message.id for sentence in said if sentence.asks}
    ends = {sentence.message.id: sentence for sentence in said if sentence.message.id not in asking}
    telling = [sentence for sentence in ends.values() if not _FAREWELL.match(sentence.plain)]
    if not telling:  # every turn asks: before the question, then
        telling = [sentence for sentence in said if not (sentence.asks or _FAREWELL.match(sentence.plain))]
    if not telling:
        return None
    if standard.measure == "balance":
        return max(telling, key=lambda sentence: len(sentence.message.text))
    return telling[0] if advice.say.endswith("?") and standard.measure != "turns" else telling[-1]


def _one_for_each(remarks: Sequence[Remark]) -> list[Remark]:
    """Return the remarks, without a second one on the same words."""
    kept: dict[tuple[str | None, str], Remark] = {}
    for remark in remarks:
        kept.setdefault((remark.message_id, remark.passages[0].section if remark.passages else remark.name), remark)
    return list(kept.values())


def _better_words(task: CoachingTask) -> list[Remark]:
    remarks: dict[str, Remark] = {}
    for sentence in sentences(task.learner):
        for pattern, replace, name, why in _BETTER:
            found = pattern.search(sentence.text)
            if name in remarks or not found:
                continue
            if pattern is _REFUSAL and _goes_on(sentence, found.end()):
                continue
            remarks[name] = Remark(name, why, sentence.message.id, (Passage(found.group().strip(), replace),))
            break
    return list(remarks.values())


def _goes_on(sentence: Sentence, end: int) -> bool:
    """Return whether a refusal is followed by what is possible, in the same message."""
    text = sentence.message.text
    return _WAY_OUT.search(text, text.index(sentence.text) + end) is not None


def _too_long(task: CoachingTask) -> list[Remark]:
    long = [message for message in task.learner if len(message.text.split()) > _LONG_WORDS]
    if not long:
        return []
    longest = max(long, key=lambda message: len(message.text.split()))
    parts: Sequence[Sentence] = list(sentences([longest]))
    rest = parts[-1].text
    why = "That is much in one turn: stop earlier and let the other person in."
    return [Remark("Say less at a time", why, longest.id, (Passage(rest, "What do you think?"),))]
