"""Reflection of what was said, for the scripted persona: its words, its topic, and pronouns swapped ("you are")."""

import itertools
import re
import unicodedata

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'"})
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b|\bcan not\b"), "cannot"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\balright\b"), "all right"),
    (re.compile(r"\bshan't\b"), "shall not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'m\b"), " am"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"\b(it|he|she|that|this|what|who|where|how|there|here|when|why)'s\b"), r"\1 is"),
    (re.compile(r"'"), ""),
)
_NOT_A_WORD = re.compile(r"[^\w]+|_")

_STOP_WORDS = frozenset(
    (
        "a about above after again all also am an and another any anything are as at be because been before being but "
        "by can cannot come could did do does doing done down each either else ever every everything few for from get "
        "give go going good got had has have having he hello help her here hers hi him his how i if in into is it its "
        "just know let like little look made make may maybe me might mine more most much must my need never no not "
        "nothing now of off oh okay on once one only or other our ours out over own please put really right said same "
        "say see shall she should so some something soon still such sure take tell than thank thanks that the their "
        "them then there these they thing things think this those to today told too under until up us very want was "
        "we well were what when where which while who whom why will with without would yes yet you your yours"
    ).split()
)
_DETERMINERS = {"the": "the", "my": "your", "your": "my", "his": "his", "her": "her", "our": "your", "their": "their"}
_DETERMINERS |= {word: word for word in ("a", "an", "this", "that", "these", "those", "every", "each", "no", "some")}
_SWAPPED = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "we": "you", "us": "you",
    "our": "your", "ours": "yours", "ourselves": "yourselves", "your": "my", "yours": "mine", "yourself": "myself",
}  # fmt: skip
_SWAPPED_PAIRS = {
    ("i", "am"): "you are", ("i", "was"): "you were", ("am", "i"): "are you", ("was", "i"): "were you",
    ("you", "are"): "I am", ("you", "were"): "I was", ("are", "you"): "am I", ("were", "you"): "was I",
}  # fmt: skip
# "you" after one of these is an object, and becomes "me" rather than "I".
_BEFORE_OBJECT = frozenset(
    "to for with help tell give ask about of from at on send show thank see hear call let believe like by near "
    "without make keep told gave asked showed between and than".split()
)
_BEFORE_VERB = frozenset(
    "i you he she it we they who to not never cannot can could will would shall should may might must do does did "
    "please just really always let and or me us him her them".split()
)
_QUESTION = re.compile(
    r"^(what|when|where|who|whom|why|how|which|do|does|did|is|are|am|was|were|can|could|will|would|shall|should|may|have"
    r"|has)\b"
)
_MAX_REFLECTED_WORDS = 12
_MARKS = ".,;:!?\"'()"
_SUBJECTS = frozenset("i you he she it we they this that there".split())
_FINITE = frozenset(
    "is are was were has have had does do did can cannot could will would shall should may might must needs takes goes "
    "costs comes works".split()
)
_NOT_A_VERB = frozenset(
    "i you he she it we they and or but so the a an my your his her our their of to in on at for with from by all "
    "both".split()
)
_JOINS = frozenset(
    "that because if when and but what how why where who whether than as while since before after or".split()
)
_STRANGE = frozenset(
    "please hello hi hey okay ok oh um uh yeah yes no us let thanks thank well right sorry haha hmm".split()
)


def normalised(text: str) -> str:
    """Normalise a text: lower case, no punctuation, contractions expanded, single spaces."""
    lower = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    for pattern, whole in _CONTRACTIONS:
        lower = pattern.sub(whole, lower)
    return " ".join(_NOT_A_WORD.sub(" ", lower).split())


def topic(said: str) -> str | None:
    """Extract the topic of a normalised sentence, with pronouns swapped ("your order number" to "my order number")."""
    words = said.split()
    best: str | None = None
    for index, word in enumerate(words):
        if word in _DETERMINERS:
            run = _content_run(words, index + 1)
            if run:
                # A long run contains a verb ("the test takes ten minutes"): only its first word is safe.
                best = " ".join([_DETERMINERS[word], *(run if len(run) <= 2 else run[:1])])
    if best is not None:
        return best
    # Without a determiner a word may be a verb, as it mostly is after a pronoun or "to", or at the start.
    content = [
        word
        for before, word in itertools.pairwise(words)
        if word not in _STOP_WORDS and before not in _BEFORE_VERB and not word.endswith(("ing", "ed", "ly"))
    ]
    return max(reversed(content), key=len) if content else None


def reflected(said: str) -> str | None:
    """Reflect a normalised statement with pronouns swapped; None where the result may be no sentence.

    That holds for questions and requests, for what has more than one clause, and for statements that are too long: only
    a subject with its verb can be turned around safely.
    """
    words = said.split()
    if not 2 <= len(words) <= _MAX_REFLECTED_WORDS or _QUESTION.match(said) or not _is_one_clause(words):
        return None
    return _swapped(words)


def in_first_person(sentence: str) -> str | None:
    """Turn a sentence about "you" into the first person: "You have it." is "I have it."; None where it is unsure."""
    words = sentence.split()
    plain = [word.lower().strip(_MARKS) for word in words]
    clauses = []
    for place, word in enumerate(plain):
        before = plain[place - 1] if place else ""
        if word == "you" and before and before not in _JOINS | _BEFORE_OBJECT and words[place - 1][-1] not in ",;:":
            return None
        # "And you" begins a clause; the swap takes it for an object.
        clauses.append("I" if word == "you" and before == "and" and words[place][-1] not in _MARKS else words[place])
    turned = _swapped(clauses, marks=True)
    return turned[:1].upper() + turned[1:]


def is_stop_word(word: str) -> bool:
    """Return whether a normalised word says little about what a line is about."""
    return word in _STOP_WORDS


def _is_one_clause(words: list[str]) -> bool:
    first, rest = words[0], words[1:]
    if first in _SUBJECTS:
        starts = rest[0] not in _NOT_A_VERB
    else:
        starts = first in _DETERMINERS and any(word in _FINITE for word in words[2:5])
    # A second subject without a word that joins it begins another clause: "i get it i have kids".
    joined = all(
        before in _JOINS or before in _BEFORE_OBJECT
        for before, word in itertools.pairwise(rest)
        if word in ("i", "he", "she", "we", "they")
    )
    return starts and joined and not _STRANGE & set(words)


def _swapped(words: list[str], *, marks: bool = False) -> str:
    """Swap the pronouns of the first and the second person.

    Args:
        words: of one sentence.
        marks: they carry capitals and punctuation.
    """
    plain = [word.lower().strip(_MARKS) if marks else word for word in words]
    turned: list[str] = []
    index = 0
    while index < len(words):
        pair = (plain[index], plain[index + 1]) if index + 1 < len(words) else None
        if pair in _SWAPPED_PAIRS:
            turned.append(_SWAPPED_PAIRS[pair] + _end_marks(words[index + 1], marks))
            index += 2
            continue
        word = plain[index]
        if word == "you":
            last = index + 1 == len(words) or bool(_end_marks(words[index], marks))
            turned.append(
                ("me" if index > 0 and (last or plain[index - 1] in _BEFORE_OBJECT) else "I")
                + _end_marks(words[index], marks)
            )
        elif word in _SWAPPED:
            turned.append(_SWAPPED[word] + _end_marks(words[index], marks))
        else:
            turned.append(words[index])
        index += 1
    return " ".join(turned)


def _end_marks(word: str, marks: bool) -> str:
    return word[len(word.rstrip(_MARKS)) :] if marks else ""


def _content_run(words: list[str], start: int) -> list[str]:
    """Return the words up to the next stop word, three at most: a longer run is cut to its first word anyway."""
    return list(itertools.takewhile(lambda word: word not in _STOP_WORDS, words[start : start + 3]))
