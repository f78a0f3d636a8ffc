"""What must not be said: rude words, which no scenario wants, and what a scenario's own criteria forbid."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.records.criteria import Criterion
from pipeline.coach.speech import Sentence


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that was said and must not be.

    Attributes:
        tell: what it is, told to the learner.
        instead: what to say in its place.
        objective: the objective that it breaks; None for a rude remark.
    """

    sentence: Sentence
    tell: str
    instead: str
    objective: str | None = None


# Patterns over the normalised sentence, from the beginning of a word on; negated matches are none.
_RUDE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        (
            r"(are|were) you (deaf|blind|stupid|crazy|kidding|even listening|out of your mind)",
            r"(you|he|she|they) (are|is) (so |such |just |really |being )*(a |an )?"
            r"(stupid|idiots?|morons?|fools?|ridiculous|crazy|hysterical|dumb|liars?|pathetic|baby|pain|lazy|useless)",
            r"(do not|stop) be(ing)? (so |such )?(a |an )?(stupid|silly|ridiculous|hysterical|baby|childish|dramatic)",
            r"(shut up|you idiot|you moron|go to hell|damn you)",
        ),
        "You insulted the other person.",
        "I am sorry. Let me start again and listen to you.",
    ),
    (
        (r"(calm down|relax$|get over it|pull yourself together|deal with it|grow up|suck it up)",),
        "You told the other person what to feel.",
        "I can hear how upsetting this is.",
    ),
    (
        (
            r"(is|are) not (my|our) (problem|job|fault|business|concern|department)",
            r"not my (problem|job|fault|business|concern|department)$",
            r"(i|we) (really )?(do not|could not|could) care( less)?\b",
            r"(who cares|so what$|whatever$|tough luck|(that|it) is your problem)",
        ),
        "You said that it does not concern you.",
        "Let me see what I can do about it, or who can.",
    ),
    (
        (
            r"(stop|quit|are) (\w+ )?wasting (my|our|everybody s) time",
            r"(i|we) (really )?do not (\w+ )?(have|got) (all day|time for)",
            r"(get to the point|hurry up( please)?$|make it (quick|short)|spit it out)",
            r"(stop|quit) (talking|whining|complaining|crying|asking|calling)",
            r"(do not|never) (call|come|write|ask) (here |me |us )?(again|back)",
        ),
        "You cut the other person off.",
        "Take your time. What matters most to you?",
    ),
    (
        (
            r"you should have (raised|thought|known|read|listened|come|called|told|brought|checked)",
            r"(it|that|this) is (all )?your (own )?fault",
            r"(have (only )?yourself to blame|(look|google) it up|can you not read)",
            r"how (many times|often) do i (have|need)",
        ),
        "You put the blame on the other person.",
        "Let me explain it another way.",
    ),
    (
        (r"what do you want( now)?$", r"(look|listen) (here|lady|buddy|mister)", r"\w+ (lady|buddy|mister)$"),
        "That is curt.",
        "How can I help you?",
    ),
)


def breaches(said: Sequence[Sentence], criteria: Sequence[Criterion]) -> tuple[Breach, ...]:
    """Return what was said and must not be, in order; of a sentence each criterion once, and one rude remark.

    Args:
        said: all sentences of the learner.
        criteria: the scenario's.
    """
    found = []
    for sentence in said:
        for criterion in criteria:
            broken = next((item for item in criterion.never if sentence.affirms(item.pattern)), None)
            if broken is not None:
                found.append(Breach(sentence, broken.tell, broken.instead, criterion.objective))
        rude = next((item for item in _RUDE if any(sentence.affirms(pattern) for pattern in item[0])), None)
        if rude is not None:
            found.append(Breach(sentence, rude[1], rude[2]))
    return tuple(found)
