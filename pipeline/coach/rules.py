"""The rule-based coach: grades deterministically by what can be counted in a chat, without a model.

The rule: each standard earns its points times the share to which its measure is met, rounded half up:
  objectives  the share of the scenario's objectives of which the learner used a third of the words;
  questions   open questions, and half of the closed ones, out of four;
  turns       the learner's turns out of six;
  balance     the learner's share of the talk, by the voice timings where there are some, best between 25 % and 65 %;
  signs       how many of the standard's own patterns were found, out of those needed.
"""

import re
from collections.abc import Sequence

from pipeline.coach.coach import Assessment, CoachingTask, Passage, Remark, StandardScore
from pipeline.coach.measures import Finding, Sentence, covered, measured, sentences, talk_share
from pipeline.llm.reflection import normalised

STATED = (
    "Graded offline, by what can be counted: objectives covered, questions asked, turns taken, and who talked how much."
)

_GOOD, _POOR = 0.75, 0.5
_MOST_REMARKS = 5
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
            r"\b[Yy]ou (?:need to|have to|must)\b",
            "would it help you to",
            "Ask rather than order",
            "People agree to a question more readily than to an order.",
        ),
        (
            r"\bcalm down\b",
            "I can hear how upsetting this is",
            "Name the feeling",
            "Nobody has ever calmed down because they were told to.",
        ),
        (
            r"\b(?:that is|that's|it is|it's) (?:the|our|a) (?:rule|policy|law)\b",
            "the reason is that it protects the person concerned",
            "Give the reason, not the rule",
            "A rule without its reason sounds like a door being shut.",
        ),
        (
            r"\b(?:obviously|as I (?:already )?said|of course)\b",
            "let me put it another way",
            "Leave out the impatience",
            "Such words tell the other person that they should have understood.",
        ),
        (
            r"\b(?:do|does|did|is|are|was|were|have|has|can|will) you [^.!?]*\?",
            "Could you tell me more about that?",
            "Ask openly",
            "This can be answered with one word; an open question brings more.",
        ),
    )
)


class RuleCoach:
    """A `Coach` without a model and without a network."""

    name = "rule"

    async def assess(self, task: CoachingTask) -> Assessment:
        """Grade by the rules."""
        return assess(task)

    async def hints(self, task: CoachingTask) -> tuple[str, ...]:
        """Return hints on what is still missing, most useful first."""
        return hints(task)

    async def suggestions(self, task: CoachingTask) -> tuple[str, ...]:
        """Suggest messages from what is still missing."""
        return suggestions(task)

    async def close(self) -> None:
        """Do nothing: there are no connections."""


def assess(task: CoachingTask) -> Assessment:
    """Grade a chat by the rules."""
    findings = [(standard, measured(standard, task)) for standard in task.rubric.standards]
    scores = tuple(
        StandardScore(standard, int(standard.points * finding.share + 0.5), finding.reason)
        for standard, finding in findings
    )
    score = sum(item.points for item in scores)
    verdict = "passed" if score >= task.rubric.pass_points else "not passed yet"
    summary = f"{score} of {task.rubric.total_points} points, {verdict}. {STATED}"
    strengths = [remark for standard, finding in findings if (remark := _strength(standard.name, finding)) is not None]
    improvements = [*_better_words(task), *_too_long(task)]
    improvements += [
        Remark(standard.name, f"{finding.reason} {standard.description}".strip())
        for standard, finding in findings
        if finding.share < _POOR
    ]
    return Assessment(
        scores, summary, tuple(strengths[:_MOST_REMARKS]), tuple(improvements[:_MOST_REMARKS]), analyses(task)
    )


def analyses(task: CoachingTask) -> tuple[str, ...]:
    """Analyse the whole conversation in a few sentences."""
    said = list(sentences(task.learner))
    asked = [sentence for sentence in said if sentence.asks]
    share, unit = talk_share(task)
    words = sum(len(item.text.split()) for item in task.learner)
    found = [
        f"The learner spoke {len(task.learner)} times, {words} words in all, and had {share:.0%} of the talk "
        f"(counted in {unit}).",
        f"{len(asked)} of the learner's {len(said)} sentences were questions, "
        f"{sum(sentence.is_open for sentence in asked)} of them open.",
    ]
    objectives = task.chat.scenario.objectives if task.chat.scenario else ()
    if objectives:
        met = [objective for objective in objectives if covered(objective, said) is not None]
        found.append(
            f"Objectives touched: {len(met)} of {len(objectives)}."
            + (f" {' '.join(objective for objective in met)}" if met else "")
        )
    cut = sum(message.interrupted for message in task.chat.messages)
    if cut:
        found.append(f"The learner broke into the other person's words {cut} time{'' if cut == 1 else 's'}.")
    return tuple(found)


def hints(task: CoachingTask) -> tuple[str, ...]:
    """Return up to three hints: an open question to answer, what is missing, what usually helps."""
    found = []
    last = task.chat.messages[-1] if task.chat.messages else None
    if last is not None and last.role == "assistant" and last.text.rstrip().endswith("?"):
        question = [sentence.text for sentence in sentences([last]) if sentence.text.endswith("?")][-1:]
        found.append(f"You were asked something: {question[0] if question else last.text} Answer it before you go on.")
    found += [f"Not done yet: {objective}" for objective in _missing(task)]
    if not any(sentence.is_open for sentence in sentences(task.learner)):
        found.append("Ask an open question, one that begins with what, how or why.")
    return tuple(found[:3]) or ("Sum up what you have agreed on, and ask whether anything is left.",)


def suggestions(task: CoachingTask) -> tuple[str, ...]:
    """Suggest up to three messages that the learner could say next."""
    lines = []
    if not task.learner:
        lines.append("Good morning, how can I help you?")
    lines.append("Could you tell me a little more about that?")
    documents = task.chat.documents
    if documents:
        lines.append(f"May I explain what it says in “{documents[0].name}”?")
    lines.append("What would help you most right now?")
    lines.append("Is there anything else that you would like to know?")
    said = {normalised(message.text) for message in task.learner}
    return tuple(line for line in lines if normalised(line) not in said)[:3]


def _missing(task: CoachingTask) -> list[str]:
    said = list(sentences(task.learner))
    objectives = task.chat.scenario.objectives if task.chat.scenario else ()
    return [objective for objective in objectives if covered(objective, said) is None]


def _strength(name: str, finding: Finding) -> Remark | None:
    if finding.share < _GOOD:
        return None
    first = finding.evidence[0].message.id if finding.evidence else None
    passages = tuple(Passage(item.text) for item in finding.evidence if item.message.id == first)
    return Remark(name, finding.reason, first, passages[:3])


def _better_words(task: CoachingTask) -> list[Remark]:
    remarks: dict[str, Remark] = {}
    for sentence in sentences(task.learner):
        for pattern, replace, name, why in _BETTER:
            if name not in remarks and (found := pattern.search(sentence.text)):
                remarks[name] = Remark(name, why, sentence.message.id, (Passage(found.group().strip(), replace),))
                break
    return list(remarks.values())


def _too_long(task: CoachingTask) -> list[Remark]:
    long = [message for message in task.learner if len(message.text.split()) > _LONG_WORDS]
    if not long:
        return []
    longest = max(long, key=lambda message: len(message.text.split()))
    parts: Sequence[Sentence] = list(sentences([longest]))
    rest = longest.text[longest.text.index(parts[-1].text) :] if len(parts) > 1 else ""
    passages = (Passage(rest, "What do you think?"),) if rest else ()
    why = f"{len(longest.text.split())} words in one turn: let the other person in sooner."
    return [Remark("Say less at a time", why, longest.id, passages)]
