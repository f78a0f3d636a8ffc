"""Why a sentence of the learner does not count, in words for the learner."""

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.coach.speech import Sentence


class Reason(NamedTuple):
    """A reason.

    Attributes:
        name: what to do.
        why: what is wrong, and what to do in its place.
        short: what is wrong, after a quotation.
    """

    name: str
    why: str
    short: str


UNORDERED = Reason(
    "Say it in a sentence",
    "Nobody can follow this. Say one thing, in a sentence of your own.",
    "has lost the order of its words",
)
SPLICED = Reason(
    "Say it in a sentence",
    "These are phrases side by side. Say one thing, in a whole sentence.",
    "is phrases side by side",
)
STAGED = Reason(
    "Say it to the other person",
    "This tells what one could say. Say it to them.",
    "is not said to anybody",
)
PARROTED = Reason(
    "Answer in your own words",
    "These are the other person's words. Answer them in your own.",
    "repeats the other person",
)
REPEATED = Reason(
    "Say it once",
    "You have said this before. Answer what the other person said in between.",
    "is said again and again",
)
MISPLACED = Reason(
    "Begin with a greeting, and end with a goodbye",
    "This is out of place here. Open the conversation, settle the matter, and close it then.",
    "is out of place",
)
PILED = Reason(
    "Say less at a time",
    "That is everything at once. Say a thing or two, and wait for the answer.",
    "begins a turn that does everything at once",
)
ELSEWHERE = Reason(
    "Stay with the matter",
    "This has nothing to do with what you are talking about. Answer what the other person said.",
    "is about something else",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence that does not count, with the reason."""

    sentence: Sentence
    reason: Reason


@dataclass(frozen=True, slots=True)
class Evidence:
    """The sentences that count, and why others do not."""

    said: tuple[Sentence, ...]
    faults: tuple[Fault, ...] = ()
