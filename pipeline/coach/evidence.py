"""What counts of the learner's sentences: what is said to the other person, in order, once, and in its place."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.coach.faults import MISPLACED, PARROTED, REPEATED, SPLICED, STAGED, UNORDERED, Evidence, Fault, Reason
from pipeline.coach.piles import density
from pipeline.coach.place import in_place
from pipeline.coach.speech import Sentence
from pipeline.coach.splices import are_scraps, are_short, is_heap, is_narrated, label, pieces, spliced
from pipeline.coach.word_order import fit
from pipeline.llm.reflection import normalised

_LEAST_SALAD, _SALAD_SHARE = 2, 0.125
"""Fewest sentences, and their share, whose words are in no order, for which nothing that was said counts."""

_LEAST_STAGED, _STAGED_SHARE = 2, 0.5

_LEAST_RECITED = 4
_SAID_AGAIN = 0.75
"""Share of a sentence's words in pieces that were said before, from which on it repeats them."""

_LONGEST_TAIL = 2
_LEAST_REPEATED, _REPEATED_SHARE, _LEAST_REPEATED_WORDS = 3, 0.5, 4
_PARROTED_WORDS, _PARROTED_SHARE = 4, 0.3
"""Number of words in a row that are the other person's, and the share of all words in such rows."""

_SHUFFLED, _LOOSE = -0.3, -0.2
"""How well words follow each other (`fit`): shuffled below the first; below the second, misheard at best."""

_SOUP, _SCRAPS, _LOOSE_SOUP, _SPLICED = 0.3, 0.28, 0.25, 0.12
"""Signs for each word from which on a talk is key words: in short pieces, in scraps, in loose order, and in sentences
that are spliced. People who are short of words stay below 0.25, people of many words below 0.1."""


def found_in(
    every: Sequence[Sentence], recited: Sequence[str] = (), heard: Sequence[str] = (), signs: Sequence[str] = ()
) -> Evidence:
    """Return the sentences that count, and why others do not.

    Where many are in no order, or in pieces, or tell what one could say, or repeat, none counts: then the rest of them
    is no talk, either.

    Args:
        every: all sentences of the learner.
        recited: texts of the task, such as objectives; what repeats one of them counts for nothing.
        heard: what the other person said.
        signs: patterns that the task looks for.
    """
    texts = [sentence.text for sentence in every]
    salad = [sentence for sentence in every if not sentence.is_in_order]
    if len(salad) >= _LEAST_SALAD and len(salad) >= _SALAD_SHARE * len(every):
        return Evidence((), _faults(UNORDERED, salad))
    order, dense = fit(texts), density(every, signs)
    if order < _SHUFFLED or (order < _LOOSE and dense >= _LOOSE_SOUP):
        return Evidence((), _faults(UNORDERED, every))
    for reason, found in (
        (SPLICED, list(every) if dense >= _SOUP and are_short(texts) else []),
        (SPLICED, _spliced(every) if dense >= _SPLICED or not signs else []),
        (STAGED, _staged(every)),
        (PARROTED, _parroted(every, heard)),
        (REPEATED, _repeated(every)),
    ):
        if found:
            return Evidence((), (*_faults(UNORDERED, salad), *_faults(reason, found)))
    is_soup = are_scraps(texts) and dense >= _SCRAPS
    heaps = [
        sentence
        for sentence in every
        if is_heap(sentence.text) or (is_soup and not any(piece.has_verb for piece in pieces(sentence.text)))
    ]
    left_out = {*heaps, *salad}
    said = [sentence for sentence in every if sentence not in left_out]
    placed = in_place(said)
    kept = set(placed)
    outside = [sentence for sentence in said if sentence not in kept]
    faults = (*_faults(UNORDERED, salad), *_faults(SPLICED, heaps), *_faults(MISPLACED, outside))
    return Evidence(tuple(_once(placed, recited)), faults)


def counted(said: Sequence[Sentence], recited: Sequence[str] = ()) -> tuple[Sentence, ...]:
    """Return the sentences that count (see `found_in`)."""
    return found_in(said, recited).said


def _faults(reason: Reason, found: Iterable[Sentence]) -> tuple[Fault, ...]:
    return tuple(Fault(sentence, reason) for sentence in found)


def _spliced(every: Sequence[Sentence]) -> list[Sentence]:
    """Return the spliced sentences, if a talk consists of such; what is joined by dots is one sentence."""
    joined: list[list[Sentence]] = []
    for sentence in every:
        before = joined[-1][-1] if joined else None
        if before and before.message.id == sentence.message.id and before.text.endswith(("...", "…")):
            joined[-1].append(sentence)
        else:
            joined.append([sentence])
    found = spliced([", ".join(sentence.text.rstrip(".…") for sentence in row) for row in joined])
    return [sentence for row, is_one in zip(joined, found, strict=True) if is_one for sentence in row]


def _staged(every: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences that are labelled, or told rather than said, if a talk consists of such."""
    labels = {sentence: found for sentence in every if (found := label(sentence.text))}
    if len(set(labels.values())) >= _LEAST_STAGED and len(labels) >= _STAGED_SHARE * len(every):
        return list(labels)
    told = [sentence for sentence in every if is_narrated(sentence.plain)]
    return told if len(told) >= _LEAST_STAGED and len(told) >= _STAGED_SHARE * len(every) else []


def _parroted(every: Sequence[Sentence], heard: Sequence[str]) -> list[Sentence]:
    """Return the sentences with rows of the other person's words, if a talk consists of such."""
    rows = {row for text in heard for row in _rows(normalised(text).split())}
    found, repeated, words = [], 0, 0
    for sentence in every:
        own = sentence.plain.split()
        places = {
            place + step for place, row in enumerate(_rows(own)) if row in rows for step in range(_PARROTED_WORDS)
        }
        repeated, words = repeated + len(places), words + len(own)
        if places:
            found.append(sentence)
    return found if len(found) >= _LEAST_STAGED and repeated >= _PARROTED_SHARE * words else []


def _rows(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[place : place + _PARROTED_WORDS]) for place in range(len(words) - _PARROTED_WORDS + 1)]


def _repeated(every: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences that were said before, if half of all were; people repeat a word or three."""
    with_matter = [sentence for sentence in every if len(sentence.plain.split()) >= _LEAST_REPEATED_WORDS]
    again = [sentence for sentence, is_again in _with_repetition(with_matter) if is_again]
    return again if len(again) >= max(_LEAST_REPEATED, _REPEATED_SHARE * len(with_matter)) else []


def _with_repetition(said: Sequence[Sentence]) -> Iterator[tuple[Sentence, bool]]:
    """Yield each sentence, and whether it was said before: whole, or piece by piece."""
    known: set[str] = set()
    before: set[tuple[str, ...]] = set()
    for sentence in said:
        found = pieces(sentence.text)
        again = sum(len(piece.words) for piece in found if _is_in(piece.said, before))
        whole = sum(len(piece.words) for piece in found)
        yield sentence, sentence.plain in known or (bool(found) and again >= _SAID_AGAIN * whole)
        known.add(sentence.plain)
        before.update(piece.said for piece in found)


def _is_in(said: tuple[str, ...], before: Collection[tuple[str, ...]]) -> bool:
    """Return whether a piece was said before, or begins with one that was and goes on for a word or two."""
    ends = range(max(2, (len(said) + 1) // 2, len(said) - _LONGEST_TAIL), len(said))
    return said in before or any(said[:end] in before for end in ends)


def _once(said: Sequence[Sentence], recited: Sequence[str]) -> Iterator[Sentence]:
    """Yield what is said to somebody, not read off the task, and not said before."""
    texts = [normalised(text) for text in recited]
    for sentence, is_again in _with_repetition([one for one in said if one.is_speech]):
        if not is_again and not any(_recites(sentence.plain, text) for text in texts):
            yield sentence


def _recites(plain: str, text: str) -> bool:
    said, asked = plain.split(), text.split()
    if len(said) < _LEAST_RECITED or said[0] not in asked[:1]:
        return False
    matcher = difflib.SequenceMatcher(None, said, asked, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks() if block.size > 1)
    return same >= 0.75 * len(said)
