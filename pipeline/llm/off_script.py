"""What the scripted persona says where no cue counts: a reaction to what the learner did, and a way back to its matter.

Every line is said at most once, as long as there are others.
"""

from collections.abc import Iterable, Mapping, Sequence

from models.records.core import Persona, Steer, Utterance
from pipeline.llm.reflection import reflected, topic
from pipeline.llm.utterances import sentences, utterances

DEFAULT_FALLBACKS = (
    "{topic}, you say. Tell me a little more about that.",
    "So {said}. And what follows from that?",
    "I am not sure that I understood you. Could you put it another way?",
    "Let us stay with {topic} for a moment. What should I know about it?",
)
DEFAULT_REACTIONS: Mapping[Utterance, tuple[str, ...]] = {
    "rude": ("There is no need to be short with me.", "I would rather that we stayed polite."),
    "kind": ("That is kind of you, thank you.", "Thank you, that does me good."),
    "question": ("I am afraid that I cannot tell you that.", "That is a good question, and I do not know."),
    "offer": ("That would help me, thank you.",),
    "vague": ("Take your time.",),
}
_SPENT = (
    "I think that I have said what I can about that.",
    "We are going in a circle, you and I.",
    "I do not know what else to say to that.",
    "There is nothing that I could add.",
)
_CLOSED: frozenset[Utterance] = frozenset(("vague",))
"""After these the learner has the floor: nothing is added."""


def off_script(
    persona: Persona, text: str, used: Mapping[str, int], said: Mapping[str, int]
) -> tuple[str, tuple[str, ...]]:
    """Return an answer to a line that no cue answers, and the lines of the persona that it is made of.

    Args:
        persona: who answers.
        text: the learner's line.
        used: how often each line was used before, as it stands in the persona.
        said: how often each cue was.
    """
    done = utterances(text)
    first = reaction(persona, done, text, used)
    closed = bool(done) and done[0] in _CLOSED
    steer = None if closed else way_back(persona.steers, used, said)
    if first is not None:
        spoken = _filled(first, text)
        if steer is None or spoken.endswith("?"):
            return spoken, (first,)
        return f"{spoken} {steer.say}", (first, steer.say)
    if steer is not None:
        return steer.say, (steer.say,)
    every = [*_lines(persona, done), *_SPENT] if persona.reactions else _lines(persona, done)
    line = min((one for one in every if _fits(one, text)), key=lambda one: used.get(one, 0), default=_SPENT[0])
    return _filled(line, text), (line,)


def has_reaction(persona: Persona, done: Iterable[Utterance], used: Mapping[str, int]) -> bool:
    """Return whether the persona has an unused reaction to what the learner did."""
    return any(not used.get(line) for one in done for line in persona.reactions.get(one, ()))


def reaction(persona: Persona, done: Iterable[Utterance], text: str, used: Mapping[str, int]) -> str | None:
    """Return the first line for what the learner did that was not used and fits, or None."""
    return next((line for line in _lines(persona, done) if not used.get(line) and _fits(line, text)), None)


def opener(persona: Persona, done: Utterance, used: Mapping[str, int]) -> str | None:
    """Return an unused reaction that can stand before an answer, or None."""
    lines = persona.reactions.get(done, ())
    return next((line for line in lines if not used.get(line) and "{" not in line and not line.endswith("?")), None)


def way_back(steers: Sequence[Steer], used: Mapping[str, int], said: Mapping[str, int]) -> Steer | None:
    """Return the next steer that was not said and whose matter is open, or None."""
    return next((one for one in steers if not used.get(one.say) and not any(said.get(cue) for cue in one.unless)), None)


def _lines(persona: Persona, done: Iterable[Utterance]) -> list[str]:
    reactions = persona.reactions
    if not reactions and not persona.fallbacks:
        reactions = DEFAULT_REACTIONS
    return [line for one in done for line in reactions.get(one, ())] + list(persona.fallbacks or DEFAULT_FALLBACKS)


def _fits(line: str, text: str) -> bool:
    said = sentences(text)
    whole = " ".join(said)
    return ("{topic}" not in line or bool(topic(whole))) and (
        "{said}" not in line or (len(said) == 1 and reflected(whole) is not None)
    )


def _filled(line: str, text: str) -> str:
    whole = " ".join(sentences(text))
    spoken = line.replace("{topic}", topic(whole) or "").replace("{said}", reflected(whole) or "")
    return spoken[:1].upper() + spoken[1:]
