"""Coaching: what a coach looks at and what it says. The coach is a language model, or a stated rule (`coach_rules`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.records.core import ChatContext, Message
from models.records.outcomes import NewNote
from models.records.resources import Rubric, Standard


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is judged: a chat, by a rubric.

    Attributes:
        instructions: what the grader should look at besides.
    """

    chat: ChatContext
    rubric: Rubric
    instructions: str = ""

    @property
    def learner(self) -> tuple[Message, ...]:
        """What the learner said."""
        return tuple(item for item in self.chat.messages if item.role == "user" and item.text.strip())

    @property
    def persona(self) -> tuple[Message, ...]:
        """What the persona said."""
        return tuple(item for item in self.chat.messages if item.role == "assistant" and item.text.strip())


@dataclass(frozen=True, slots=True)
class StandardScore:
    """How one standard was met, and why."""

    standard: Standard
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of a message, exactly as they stand in it; for an improvement with better ones."""

    section: str
    replace: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A strength or an improvement, of one message or of the whole chat."""

    name: str
    description: str
    message_id: str | None = None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything a coach says about a finished chat.

    Attributes:
        scores: one for each standard of the rubric, in its order.
        summary: in a few sentences, with who judged.
    """

    scores: tuple[StandardScore, ...]
    summary: str
    strengths: tuple[Remark, ...] = ()
    improvements: tuple[Remark, ...] = ()
    analyses: tuple[str, ...] = ()

    @property
    def score(self) -> int:
        """All points together."""
        return sum(score.points for score in self.scores)


class Coach(Protocol):
    """Judges and helps."""

    name: str

    async def assess(self, lesson: Lesson) -> Assessment:
        """Judge a chat by its rubric, and say what was good and what could be better."""
        ...

    async def hints(self, lesson: Lesson) -> tuple[str, ...]:
        """Return one to three hints on what to do next, as the chat stands."""
        ...

    async def suggestions(self, lesson: Lesson) -> tuple[str, ...]:
        """Return up to three lines that the learner could say next."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def notes_of(assessment: Assessment) -> list[NewNote]:
    """Return an assessment as the notes that are stored with its grade."""
    notes = [
        NewNote(
            "feedback",
            {
                "feedback": score.reason,
                "total": score.points,
                "standard_id": score.standard.id,
                "standard_group_id": score.standard.group_id,
            },
        )
        for score in assessment.scores
    ]
    notes += [
        NewNote(
            "strength",
            {
                "name": remark.name,
                "description": remark.description,
                "highlights": [
                    {"section": passage.section, "idx": place} for place, passage in enumerate(remark.passages)
                ],
            },
            remark.message_id,
        )
        for remark in assessment.strengths
    ]
    notes += [
        NewNote(
            "improvement",
            {
                "name": remark.name,
                "description": remark.description,
                "replacements": [
                    {"section": passage.section, "replace": passage.replace, "idx": place}
                    for place, passage in enumerate(remark.passages)
                ],
            },
            remark.message_id,
        )
        for remark in assessment.improvements
    ]
    notes += [NewNote("analysis", {"content": content}) for content in assessment.analyses]
    return notes


def exact_section(text: str, quoted: str) -> str | None:
    """Return the words of `text` that `quoted` means, exactly as they stand there; None where it says no such thing.

    A model may change case, spaces or the marks at the ends of what it quotes.
    """
    quoted = quoted.strip().strip("\"'“”‘’….").strip()
    if not quoted:
        return None
    if quoted in text:
        return quoted
    plain, places = _plain(text)
    wanted, _ = _plain(quoted)
    at = plain.find(wanted) if wanted else -1
    return text[places[at] : places[at + len(wanted) - 1] + 1] if at >= 0 else None


def _plain(text: str) -> tuple[str, list[int]]:
    """Return letters and digits in lower case, and where each stands."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    folded = "".join(text[place].lower()[0] for place in places)
    return folded, places


def passed_by(rubric: Rubric, score: int) -> bool:
    """Return whether so many points are enough."""
    return score >= rubric.pass_points


def fitted(scores: Sequence[StandardScore], rubric: Rubric) -> tuple[StandardScore, ...]:
    """Return one score for each standard, in the rubric's order, none below zero or above its points."""
    by_id = {score.standard.id: score for score in scores}
    return tuple(
        StandardScore(standard, max(0, min(standard.points, found.points)), found.reason)
        for standard in rubric.standards
        if (found := by_id.get(standard.id)) is not None
    )
