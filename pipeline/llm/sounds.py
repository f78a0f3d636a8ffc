"""Words that a recogniser misheard, by their sound: "sine a farm" is "sign a form" where a persona knows that word."""

from functools import lru_cache

import jellyfish

_LEAST_LIKENESS = 0.8
"""Of letters, by Jaro and Winkler, 0 to 1: words that sound alike and do not look alike at all are others."""

_TYPO_LIKENESS, _TYPO_LETTERS = 0.93, 6
"""Long words with one wrong letter count whatever they sound like."""

_MOST_JOINED = 2
_LEAST_LETTERS = 5


@lru_cache(maxsize=64)
def _by_sound(known: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in sorted(known):
        if len(word) > 2 and word.isalpha() and word.isascii():
            for key in _keys(word):
                found.setdefault(key, []).append(word)
    return found


def _keys(word: str) -> tuple[str, str]:
    """Return how a word sounds, in Metaphone (Philips 1990) and, for its silent letters, with "gn" as "n"."""
    return jellyfish.metaphone(word), jellyfish.metaphone(word.replace("gn", "n"))


@lru_cache(maxsize=20_000)
def respelled(said: str, known: frozenset[str]) -> str:
    """Replace the words of a normalised text that are not among the known ones by known ones of the same sound.

    Two words that sound as one are joined: "fur pa" is "ferpa".
    """
    words, turned, place = said.split(), list[str](), 0
    while place < len(words):
        for taken in range(_MOST_JOINED, 0, -1):
            part = words[place : place + taken]
            if len(part) == taken and (word := _respelling(part, known)):
                turned.append(word)
                place += taken
                break
        else:
            turned.append(words[place])
            place += 1
    return " ".join(turned)


def _respelling(part: list[str], known: frozenset[str]) -> str | None:
    heard = "".join(part)
    if not heard.isascii() or not heard.isalpha() or (len(part) == 1 and heard in known):
        return None
    if len(part) > 1 and heard in known:
        return heard
    if len(part) > 1 and (len(heard) < _LEAST_LETTERS or all(word in known for word in part)):
        return None
    sound = [word for key in _keys(heard) for word in _by_sound(known).get(key, ())]
    likeness = {word: jellyfish.jaro_winkler_similarity(heard, word) for word in sorted(sound)}
    likeness = {word: like for word, like in likeness.items() if like >= _LEAST_LIKENESS}
    if len(part) == 1 and len(heard) >= _TYPO_LETTERS:
        typos = {word: jellyfish.jaro_winkler_similarity(heard, word) for word in sorted(known)}
        likeness |= {
            word: like for word, like in typos.items() if like >= _TYPO_LIKENESS and len(word) >= _TYPO_LETTERS
        }
    return max(likeness, key=lambda word: likeness[word], default=None)
