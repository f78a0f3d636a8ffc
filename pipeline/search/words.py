"""The words of a text as a search compares them: lower case, contractions written out, stemmed by Snowball."""

import re
import unicodedata
from functools import lru_cache
from threading import Lock

import snowballstemmer

STOP_WORDS = frozenset(
    (
        "a about after again all also am an and another any anybody anyone anything are as ask at be because been "
        "before being but by can come could did do does doing done each either else ever every few find first for from "
        "get give go going got had has have having he hello help her here hers hi him his how i if in into is it its "
        "itself just know let like long look make many may me might mine more most much must my need now of off oh "
        "okay on once one only or other ought our ours out over own please put quite rather really said same say see "
        "shall she should so some someone something still such sure take tell than thank thanks that the their them "
        "themselves then there these they thing things think this those to too under until up upon us very want was we "
        "well were what whatever when where whether which while who whom whose why will with would yes yet you your "
        "yours yourself"
    ).split()
)
"""Words of English that say little about a text's topic; the negations are not among them."""

NEGATIONS = frozenset(
    "not no never none nobody nothing neither nor without except excluding exclude excludes excluded unless".split()
)
"""Words that turn what is said into its opposite."""

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'(?:s|re|m|ll|ve|d)\b"), ""),
)
_CANNOT = re.compile(r"\bcannot\b")
_WORD = re.compile(r"\d+(?:[.,:]\d+)+|[^\W_]+")
_LONGEST = 40
"""Maximum number of characters of a word that are compared; longer ones are no words."""

_stemmer = snowballstemmer.stemmer("english")
_stemming = Lock()  # the library's stemmer keeps the current word in itself


def plain(text: str) -> str:
    """Return a text in lower case, in Unicode's compatibility form, without contractions."""
    lower = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    if "'" in lower:  # most texts of a large document have none
        for pattern, whole in _CONTRACTIONS:
            lower = pattern.sub(whole, lower)
    return _CANNOT.sub("can not", lower) if "cannot" in lower else lower


def words(text: str) -> list[str]:
    """Split a text into its words: lower case, no punctuation, "don't" as "do not", numbers whole."""
    return [word[:_LONGEST] for word in _WORD.findall(plain(text))]


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return the stem of a word in lower case, by Porter's English stemmer ("warranties" and "warranty" are one)."""
    if not word.isalpha():
        return word
    with _stemming:
        return str(_stemmer.stemWord(word))


def stems(text: str) -> list[str]:
    """Return the stems of all words of a text, in order."""
    return [stem(word) for word in words(text)]


def content_words(text: str) -> list[str]:
    """Return the words that say what a text is about, without the negations, in order; of each stem the first."""
    said = (word for word in words(text) if word not in STOP_WORDS and word not in NEGATIONS)
    firsts: dict[str, str] = {}
    for word in said:
        if len(word) > 1 or word.isdigit():
            firsts.setdefault(stem(word), word)
    return list(firsts.values())


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that say what a text is about, each once, in order; without the negations."""
    return [stem(word) for word in content_words(text)]


def is_negated(text: str) -> bool:
    """Return whether a text has a negation."""
    return not NEGATIONS.isdisjoint(words(text))
