"""The sentences of passages that answer a question, quoted where no language model phrases the answer."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pipeline.grounded.prose import lead_ins, sentences
from pipeline.grounded.sources import Source
from pipeline.search.expectations import holds_value
from pipeline.search.question import WEAK_TERMS, Query, question_of
from pipeline.search.word_vectors import packaged
from pipeline.search.words import STOP_WORDS, content_stems, content_words, is_negated, stems, words

LEAST_SHARED, SHARED, LEAST_NEW = 4, 0.7, 2
"""When a sentence of an answer rests on a passage: words shared, their share, and those that the question has not."""

LIST_CHARS = 600
"""Maximum length of a list that is quoted as one."""

VALUE = 1.5
"""What it is worth to hold the sort of value that is asked for, such as a length of time: words of the question."""

CLOSE, LEAST_CLOSE = 1.0, 0.4
"""What a word of about the same meaning is worth by its closeness, and the least that counts."""

NEARLY = 0.7
"""By how much less likely than the first passage another document's may be to be quoted, too: log odds."""

SECONDED = 1
"""How many other documents are quoted that answer nearly as well, before more of the first one is."""

_PARAGRAPHS = re.compile(r"\n[^\S\n]*\n")


@dataclass(frozen=True, slots=True)
class _Extract:
    """Sentences that are quoted together: one, or a list with the line before it."""

    sentences: tuple[str, ...]
    source: Source
    place: tuple[int, int, int]
    terms: frozenset[str]
    value: float


def fitting_sentences(text: str, sources: Sequence[Source], limit: int) -> list[tuple[str, Source]]:
    """Select the most relevant sentences of these passages, in reading order; a list counts as one.

    Each is chosen for the question's words that the ones before do not cover, so that all its parts are answered.
    """
    question = question_of(text)
    left = [extract for rank, source in enumerate(sources) for extract in _extracts(question, rank, source)]
    missing, chosen = set(question.terms), list[_Extract]()

    def choose(extract: _Extract) -> None:
        nonlocal left
        chosen.append(extract)
        left = [other for other in left if not set(other.sentences) & set(extract.sentences)]
        missing.difference_update(extract.terms)

    while left and len(chosen) < limit:
        best = max(left, key=lambda item: (_worth(question, item, missing), [-part for part in item.place]))
        if chosen and not best.terms & missing:
            break
        choose(best)
    for extract in _seconded(sources, chosen, left)[: min(SECONDED, limit - len(chosen))]:
        choose(extract)
    while len(chosen) < limit:  # nothing new: more of the passages that are quoted already
        quoted = {id(extract.source) for extract in chosen}
        begun = [item for item in left if id(item.source) in quoted and item.value >= 1 and _may_follow(item)]
        if not begun:
            break
        choose(max(begun, key=lambda item: (item.value, [-part for part in item.place])))
    chosen.sort(key=lambda item: item.place)
    return [(sentence, item.source) for item in chosen for sentence in item.sentences]


def _may_follow(extract: _Extract) -> bool:
    """Return whether it says something without the words that are asked for, as another point of a list does not."""
    return bool(extract.terms) or extract.sentences[-1].endswith((".", "!", "?"))


def _seconded(sources: Sequence[Source], chosen: Sequence[_Extract], left: Sequence[_Extract]) -> list[_Extract]:
    """Return the best extract of each other document that answers nearly as well as the first one."""
    quoted = {extract.source.document.id for extract in chosen}
    found = []
    for source in sources:
        if source.document.id not in quoted and source.score >= sources[0].score - NEARLY:
            own = [extract for extract in left if extract.source is source]
            found += [max(own, key=lambda item: item.value)] if own else []
            quoted.add(source.document.id)
    return found


def _extracts(question: Query, rank: int, source: Source) -> Iterator[_Extract]:
    asked = set(question.terms)
    titled = asked & set(stems(source.document.name))
    is_about = all(term in titled or term in WEAK_TERMS for term in asked)
    for number, paragraph in enumerate(_whole_lists(source.text)):
        lead_in = lead_ins(paragraph)
        heading = set(stems(lead_in))
        value = len(question.stems & heading) / len(heading) if heading else 0.0
        value -= 2 * (bool(heading) and is_negated(lead_in) != question.negated)
        # Where the title is what is asked about, no paragraph matches more than another by chance.
        value += is_about or source.focus in paragraph or paragraph.strip() in source.focus
        for order, together in enumerate(_together(sentences(paragraph))):
            said = " ".join(together)
            terms = frozenset(asked & (set(stems(said)) | heading))
            worth = value + sum(map(question.weight, terms)) / 2 - rank / 2
            worth += VALUE * bool(holds_value(question, said)) + CLOSE * _closeness(question, terms | heading, said)
            if len(together) > 1:  # the one point of a list that is asked for is better than all of them
                worth += 0.5 if (asked - titled - WEAK_TERMS).isdisjoint(stems(" ".join(together[1:]))) else -0.4
            worth -= STOP_WORDS.isdisjoint(words(said)) and len(together) == 1  # a name or a heading says nothing
            yield _Extract(together, source, (rank, number, order), terms | titled, worth)


def _closeness(question: Query, held: AbstractSet[str], said: str) -> float:
    """Return how many of a question's terms a sentence has in other words of about the same meaning."""
    others = packaged().of_words(content_words(said))
    missing = ((word, term) for word, term in zip(question.words, question.terms, strict=True) if term not in held)
    near = ((packaged().closeness(word, others), term) for word, term in missing)
    return sum(value * question.weight(term) for value, term in near if value >= LEAST_CLOSE)


def _worth(question: Query, extract: _Extract, missing: set[str]) -> float:
    return extract.value + sum(map(question.weight, extract.terms & missing))


def _whole_lists(text: str) -> Iterator[str]:
    """Split a text into paragraphs; a list stays with the line before it."""
    held = ""
    for paragraph in _PARAGRAPHS.split(text):
        held = f"{held}\n{paragraph}" if held else paragraph
        if not paragraph.rstrip().endswith(":"):
            yield held
            held = ""
    if held:
        yield held


def _together(said: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield each sentence; one that announces others with a colon comes with those after it."""
    for index, sentence in enumerate(said):
        if not sentence.endswith(":"):
            yield (sentence,)
            continue
        rest = [sentence]
        for item in said[index + 1 :]:
            if len(" ".join([*rest, item])) > LIST_CHARS:
                break
            rest.append(item)
        if len(rest) > 1:
            yield tuple(rest)


def rests_on(said: str, question: str, source: Source) -> bool:
    """Return whether an answer in a model's words has a sentence whose content is that of a passage.

    Four words of content at least, most of them the passage's, and two of them not merely the question's.
    """
    held, asked = set(stems(f"{source.document.name} {source.text}")), set(stems(question))
    for sentence in sentences(said):
        content = set(content_stems(sentence))
        shared = content & held
        if len(shared) >= LEAST_SHARED and len(shared) >= SHARED * len(content) and len(shared - asked) >= LEAST_NEW:
            return True
    return False
