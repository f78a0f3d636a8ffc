"""Count which words follow which in the packaged texts, for `pipeline/coach/word_pairs.txt`.

Run `python scripts/word_pairs.py pipeline/coach/word_pairs.txt` from the root of the repository.
"""

import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from models.packs import DEMO_PACK, load_pack
from pipeline.coach.word_order import BEGIN, END, PART_END, word_class
from pipeline.llm.reflection import normalised

_MOST_FREQUENT = 100
_ALWAYS = (
    "a about after all am an and any are as at be because been before but by can cannot could did do does for from get "
    "had has have he her here him his how i if in into is it its just let like may me might more much must my no not "
    "now of off on one or our out over please she should so some than that the their them then there these they this "
    "those to too under until up us very was we were what when where which while who whose why will with would yes you "
    "your"
).split()


def main() -> None:
    """Write a line for each word or class of words: it, and how often each other one follows it."""
    parts = [part for text in _texts() for part in _parts(text)]
    common = Counter(word for part in parts for word in part)
    own = {word for word, _ in common.most_common(_MOST_FREQUENT)} | set(_ALWAYS)
    following: dict[str, Counter[str]] = {}
    for part in parts:
        classes = [BEGIN, *(word_class(word, own) for word in part), END]
        for first, second in itertools.pairwise(classes):
            following.setdefault(first, Counter())[second] += 1
    rows = [
        f"{first} {' '.join(f'{second}:{count}' for second, count in sorted(following[first].items()))}"
        for first in sorted(following)
    ]
    Path(sys.argv[1]).write_text("\n".join(rows) + "\n", "utf-8")


def _texts() -> Iterator[str]:
    pack = load_pack(DEMO_PACK)
    for persona in pack.personas:
        yield from (persona.instructions, persona.greeting, *persona.fallbacks)
        for cue in persona.cues:
            yield from (*cue.examples, *cue.say)
    for document in pack.documents:
        yield from re.split(r"\n+", document.text)
        yield from (question.text for question in document.questions)


def _parts(text: str) -> Iterator[list[str]]:
    for part in PART_END.split(text):
        words = normalised(part).split()
        if len(words) > 1:
            yield words


if __name__ == "__main__":
    main()
