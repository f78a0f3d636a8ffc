"""What a conversation is about: the words of its scenario, its persona, its documents and what the persona said.

Right phrases about something else ("the garage will repair my bike for free") are recognised by their nouns: most of
them are in none of these. Where little is known of the matter, nothing is judged.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from pipeline.coach.coach import CoachingTask
from pipeline.coach.function_words import FUNCTION_WORDS
from pipeline.coach.speech import Sentence
from pipeline.llm.reflection import normalised
from pipeline.search.words import STOP_WORDS, stem

_LEAST_KNOWN = 700
"""Number of stems from which on a matter is known well enough to call words strange to it."""

_LEAST_SENTENCES, _STRANGE_SHARE = 4, 0.27
_MOST_LETTERS = 100_000

_EVERYDAY = frozenset(
    stem(word)
    for word in (
        "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
        "september october november december morning noon afternoon evening night tonight today tomorrow yesterday "
        "week weekend month year hour minute second moment day time while late early soon later once twice again "
        "already still also along maybe perhaps though although however instead within without until since ago "
        "zero one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred "
        "first next last half quarter bit lot plenty enough all none both either other another same different "
        "good better best bad worse worst great fine nice lovely kind poor dear honest sure certain right wrong true "
        "normal usual usually natural easy hard difficult simple quick slow long short big small little new old young "
        "happy sad glad sorry afraid scared nervous worried upset angry annoyed frustrated frustrating awful terrible "
        "horrible unfair tired calm comfortable welcome please thank thanks yeah yes no okay oh hello hi bye goodbye "
        "mrs mr ms miss sir madam doctor people person somebody anybody everybody nobody thing something anything "
        "everything nothing place way part kind sort name number question answer problem trouble idea matter reason "
        "be have do say tell ask talk speak call ring write text email mail send give get take bring put come go leave "
        "stay wait keep hold look see seen hear listen know think mean believe understand feel want need like love "
        "hope wish promise try help show find start begin stop finish end happen work use make let sit stand walk turn "
        "open close pay cost buy sign read check change move sound seem become remember forget explain offer choose "
        "really very quite just only even ever never always often sometimes together alone away back here there inside "
        "outside anywhere nowhere somewhere straight whole exact exactly actually honestly absolutely"
    ).split()
)


def is_elsewhere(said: Sequence[Sentence], task: CoachingTask) -> bool:
    """Return whether sentences are about something else than the conversation.

    Args:
        said: those that show something that the task looks for.
    """
    if len(said) < _LEAST_SENTENCES:
        return False
    known = _known(task)
    if len(known) < _LEAST_KNOWN:
        return False
    nouns = [word for sentence in said for word in _content(sentence)]
    strange = [word for word in nouns if stem(word) not in known]
    return len(strange) >= _STRANGE_SHARE * len(nouns) > 0


def _content(sentence: Sentence) -> Iterator[str]:
    """Yield the words of a sentence that say what it is about, without names."""
    names = {normalised(word) for word in sentence.text.split()[1:] if word[:1].isupper()}
    for word in sentence.plain.split():
        if len(word) > 2 and word not in FUNCTION_WORDS and word not in STOP_WORDS and word not in names:
            yield word


def _known(task: CoachingTask) -> frozenset[str]:
    """Return the stems of the words that belong to the matter."""
    return _EVERYDAY.union(*(_stems(text[:_MOST_LETTERS]) for text in _texts(task)))


def _texts(task: CoachingTask) -> Iterator[str]:
    scenario, rubric = task.chat.scenario, task.rubric
    if scenario is not None:
        yield " ".join((scenario.name, scenario.description, scenario.problem_statement, *scenario.objectives))
    advice = [(sign.do, sign.say) for item in task.criteria for sign in item.signs]
    advice += [(tip.do, tip.say) for standard in rubric.standards for tip in standard.advice]
    yield " ".join(part for parts in advice for part in parts)
    yield " ".join(standard.description for standard in rubric.standards)
    for persona in task.chat.speakers:
        yield " ".join((persona.description, persona.instructions, persona.greeting, *persona.fallbacks))
        yield " ".join(text for cue in persona.cues for text in (*cue.examples, *cue.say))
    for document in task.chat.documents:
        yield document.text
    for message in task.persona:
        yield message.text


@lru_cache(maxsize=128)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in normalised(text).split())
