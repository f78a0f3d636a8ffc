"""The protocol of coaches, with their inputs and results: a language model (`llm`) or stated rules (`rules`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from models.records.core import ChatContext, Message
from models.records.criteria import Criterion
from models.records.outcomes import NewNote
from models.records.resources import Rubric, Standard


@dataclass(frozen=True, slots=True)
class QuizItem:
    """A question beside the conversation.

    Attributes:
        is_right: of the latest answer; None where there is none.
    """

    question: str
    is_right: bool | None = None


@dataclass(frozen=True, slots=True)
class CoachingTask:
    """The input of a coach: a chat and the rubric to grade it by.

    Attributes:
        instructions: additional instructions for the grader.
        criteria: by what the scenario's objectives are judged, of those that have it.
        quiz: the questions that the chat asks beside the conversation, with the learner's answers.
    """

    chat: ChatContext
    rubric: Rubric
    instructions: str = ""
    criteria: tuple[Criterion, ...] = ()
    quiz: tuple[QuizItem, ...] = ()

    @property
    def objectives(self) -> tuple[str, ...]:
        """The objectives of the scenario."""
        return self.chat.scenario.objectives if self.chat.scenario else ()

    @property
    def learner(self) -> tuple[Message, ...]:
        """The learner's messages."""
        return tuple(item for item in self.chat.messages if item.role == "user" and item.text.strip())

    @property
    def persona(self) -> tuple[Message, ...]:
        """The persona's messages."""
        return tuple(item for item in self.chat.messages if item.role == "assistant" and item.text.strip())


@dataclass(frozen=True, slots=True)
class StandardScore:
    """The points of a standard, with the reason."""

    standard: Standard
    points: int
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A verbatim passage of a message; for an improvement, with its replacement."""

    section: str
    replace: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A strength or an improvement, of a message or of the whole chat."""

    name: str
    description: str
    message_id: str | None = None
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """A coach's assessment of a finished chat.

    Attributes:
        scores: one per standard of the rubric, in its order.
        summary: a few sentences, which name the grader.
    """

    scores: tuple[StandardScore, ...]
    summary: str
    strengths: tuple[Remark, ...] = ()
    improvements: tuple[Remark, ...] = ()
    analyses: tuple[str, ...] = ()

    @property
    def score(self) -> int:
        """The sum of all points."""
        return sum(score.points for score in self.scores)


class Coach(Protocol):
    """Grades chats and helps learners."""

    name: str

    async def assess(self, task: CoachingTask) -> Assessment:
        """Grade a chat by its rubric, with strengths and improvements."""
        ...

    async def hints(self, task: CoachingTask) -> tuple[str, ...]:
        """Return one to three hints on what to do next in the chat."""
        ...

    async def suggestions(self, task: CoachingTask) -> tuple[str, ...]:
        """Suggest up to three messages that the learner could say next."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def notes_of(assessment: Assessment) -> list[NewNote]:
    """Convert an assessment to the notes that are stored with its grade."""
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
    """Find the passage of `text` that `quoted` refers to, and return it verbatim; None if there is none.

    Tolerates that a model changes the case, spaces or trailing punctuation of its quotes.
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
    """Return the letters and digits in lower case, and the position of each."""
    places = [place for place, letter in enumerate(text) if letter.isalnum()]
    folded = "".join(text[place].lower()[0] for place in places)
    return folded, places


def passed_by(rubric: Rubric, score: int) -> bool:
    """Return whether a score passes the rubric."""
    return score >= rubric.pass_points


def fitted(scores: Sequence[StandardScore], rubric: Rubric) -> tuple[StandardScore, ...]:
    """Complete the scores to one per standard, in the rubric's order, each clamped to its points."""
    by_id = {score.standard.id: score for score in scores}
    return tuple(
        StandardScore(standard, max(0, min(standard.points, found.points)), found.reason)
        for standard in rubric.standards
        if (found := by_id.get(standard.id)) is not None
    )
