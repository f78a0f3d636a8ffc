"""How much of what a task looks for a turn shows: a few things. A turn with more is a pile."""

from collections.abc import Iterator, Sequence

from pipeline.coach.coach import CoachingTask
from pipeline.coach.faults import ELSEWHERE, PILED, Evidence, Fault
from pipeline.coach.matter import is_elsewhere
from pipeline.coach.speech import Sentence

MOST_IN_A_TURN = 6
"""Number of signs of the task that a turn of up to `_USUAL_WORDS` can show; what comes after them does not count."""

_USUAL_WORDS, _WORDS_FOR_MORE = 40, 40
_PILE = 2
"""Number of signs above those at which a turn is no turn, and nothing in it counts."""


_LEAST_DENSE = 4


def signs_of(task: CoachingTask) -> tuple[str, ...]:
    """Return the patterns of all signs that a task looks for, each once."""
    own = [sign.pattern for item in task.criteria for sign in item.signs]
    return tuple(dict.fromkeys([*own, *(sign for item in task.rubric.standards for sign in item.signs)]))


def density(said: Sequence[Sentence], signs: Sequence[str]) -> float:
    """Return the number of signs for each word; 0 where there are few signs."""
    words = sum(len(sentence.plain.split()) for sentence in said)
    shown = sum(_shown(sentence, signs) for sentence in said)
    return shown / words if shown >= _LEAST_DENSE else 0.0


def to_the_point(found: Evidence, signs: Sequence[str], task: CoachingTask) -> Evidence:
    """Return what is left of evidence without turns that are piles, and without talk about something else.

    Args:
        signs: the patterns that the task looks for.
    """
    shown = {sentence: count for sentence in found.said if (count := _shown(sentence, signs))}
    if is_elsewhere([*shown], task):
        return Evidence((), (*found.faults, *(Fault(sentence, ELSEWHERE) for sentence in shown)))
    said = tuple(_unpiled(found.said, shown))
    kept = set(said)
    left_out = {sentence.message.id: sentence for sentence in reversed(found.said) if sentence not in kept}
    return Evidence(said, (*found.faults, *(Fault(first, PILED) for first in reversed(left_out.values()))))


def _shown(sentence: Sentence, signs: Sequence[str]) -> int:
    """Return at how many different places a sentence shows signs."""
    return len({sentence.starts(sign) for sign in signs if sentence.affirms(sign)})


def _unpiled(said: Sequence[Sentence], shown: dict[Sentence, int]) -> Iterator[Sentence]:
    in_turn: dict[str, int] = {}
    for sentence in said:
        in_turn[sentence.message.id] = in_turn.get(sentence.message.id, 0) + shown.get(sentence, 0)
    so_far: dict[str, int] = {}
    for sentence in said:
        message = sentence.message
        so_far[message.id] = so_far.get(message.id, 0) + shown.get(sentence, 0)
        most = MOST_IN_A_TURN + max(0, len(message.text.split()) - _USUAL_WORDS) // _WORDS_FOR_MORE
        if in_turn[message.id] < most + _PILE and so_far[message.id] <= most:
            yield sentence
